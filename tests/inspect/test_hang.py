# SPDX-License-Identifier: MIT
"""leakshim-report --why-hanging: runs that really hang, each explained with the right names."""

import subprocess

from cases import Case
from given import Given
from inspection import TEST, Scene, children_waited_for, waits_for
from processes import state_of, wait_for


def process_of(hang, pid):
    return next((process for process in hang["processes"] if process["pid"] == pid), None)


class Hang(Case):
    def only_child(self, pid):
        """The child of a process, as soon as it has one."""
        found = wait_for(lambda: children_waited_for(pid), lambda pids: len(pids) == 1)
        self.assertEqual(len(found), 1)
        return found[0]

    def test_a_thread_that_is_joined_for_ever_is_named(self):
        with Scene() as scene:
            run = scene.hang("thread")
            hang = scene.explain_when(waits_for("thread"), run.pid)
            first, worker = hang["processes"][0]["threads"]
            self.assertEqual((first["waits_for"], first["thread"], worker["name"]),
                             ("thread", worker["tid"], "stuck-worker"))
            self.assertEqual((worker["start_routine"], worker["test"], worker["waits_for"]),
                             ("stuck_worker", TEST, "signal"))
            self.assertIn(f'thread {worker["tid"]} "stuck-worker"', hang["summary"])
            self.assertIn(TEST, hang["summary"])

    def test_the_holder_of_a_lock_is_named(self):
        with Scene() as scene:
            run = scene.hang("lock")
            hang = scene.explain_when(waits_for("lock"), run.pid)
            first, worker = hang["processes"][0]["threads"]
            self.assertEqual((first["waits_for"], first["thread"]), ("lock", worker["tid"]))
            self.assertIn("holds", hang["summary"])

    def test_a_child_that_does_not_end_is_named(self):
        with Scene() as scene:
            run = scene.hang("child")
            hang = scene.explain_when(waits_for("child"), run.pid)
            child = self.only_child(run.pid)
            (named,) = hang["processes"][0]["threads"][0]["children"]
            self.assertEqual((named["pid"], named["test"]), (child, TEST))
            self.assertEqual(process_of(hang, child)["role"], "waited_for")
            self.assertIn(f"(pid {child})", hang["summary"])

    def test_a_stopped_child_is_called_stopped(self):
        with Scene() as scene:
            run = scene.hang("stopped")
            child = self.only_child(run.pid)
            wait_for(lambda: state_of(child), lambda state: state == "T")
            hang = scene.explain_when(waits_for("child"), run.pid)
            self.assertEqual(process_of(hang, child)["threads"][0]["waits_for"], "stopped")
            _, text, _ = scene.ask("--why-hanging", run.pid)
            self.assertIn(f"kill -CONT {child}", text)
            self.assertIn("is stopped by a signal", text.splitlines()[-1])

    def test_whoever_holds_the_write_end_of_a_pipe_is_named(self):
        for way in ("pipe", "poll"):
            with self.subTest(way), Scene() as scene:
                run = scene.hang(way)
                hang = scene.explain_when(waits_for("descriptors"), run.pid)
                child = self.only_child(run.pid)
                (waited,) = hang["processes"][0]["threads"][0]["descriptors"]
                self.assertEqual((waited["kind"], [(other["pid"], other["test"]) for other in waited["other_end"]]),
                                 ("pipe", [(child, TEST)]))
                self.assertIn(f"(pid {child})", hang["summary"])

    def test_the_peer_of_a_socket_is_named(self):
        with Scene() as scene:
            run = scene.hang("socket")
            hang = scene.explain_when(waits_for("descriptors"), run.pid)
            child = self.only_child(run.pid)
            (waited,) = hang["processes"][0]["threads"][0]["descriptors"]
            self.assertEqual((waited["kind"], [other["pid"] for other in waited["other_end"]]), ("socket", [child]))

    def test_a_grandchild_that_keeps_a_reader_waiting_is_named(self):
        """The tests are over, and `tests | tee` hangs all the same."""
        with Scene() as scene:
            run = scene.start_test("/bin/sh", "-c", "sleep 1000 & echo $!", stdout=subprocess.PIPE)
            reader = subprocess.Popen(["/bin/cat"], stdin=run.stdout, stdout=subprocess.DEVNULL)
            scene.started.append(reader)
            run.stdout.close()
            self.assertEqual(run.wait(), 0)
            hang = scene.explain_when(waits_for("descriptors"), reader.pid)
            (waited,) = hang["processes"][0]["threads"][0]["descriptors"]
            (holder,) = waited["other_end"]
            self.assertEqual((holder["command"], holder["test"]), (["sleep", "1000"], TEST))
            # The same from the other side: the root has ended, and who survives it holds the pipe.
            hang = scene.ask_json("--why-hanging", run.pid)
            self.assertTrue(hang["ended"])
            (survivor,) = hang["processes"]
            self.assertEqual((survivor["pid"], survivor["role"]), (holder["pid"], "survivor"))
            self.assertEqual([party["pid"] for output in survivor["outputs"] for party in output["readers"]],
                             [reader.pid])
            self.assertIn("still holds a pipe", hang["summary"])

    def test_without_a_ledger_the_kernel_is_enough(self):
        with Scene() as scene:
            run = scene.hang("stopped", mode=None)
            child = self.only_child(run.pid)
            hang = scene.explain_when(waits_for("child"), run.pid)
            self.assertIsNone(hang["session"])
            self.assertEqual([party["pid"] for party in hang["processes"][0]["threads"][0]["children"]], [child])

    def test_nothing_from_outside_reaches_the_terminal_as_it_is(self):
        with Scene() as scene:
            run = scene.hang("child", "\033]0;owned\a\033[31m")
            scene.explain_when(waits_for("child"), run.pid)
            status, text, _ = scene.ask("--why-hanging", run.pid)
            self.assertEqual(status, 0)
            self.assertIn("owned", text)
            self.assertNotIn("\033", text)
            self.assertNotIn("\a", text)

    def test_without_a_pid_the_session_that_runs_is_explained(self):
        with Scene() as scene:
            run = scene.hang("child")
            self.assertEqual(scene.explain_when(waits_for("child"))["pid"], run.pid)

    def test_under_leakshim_run_the_command_is_explained(self):
        with Scene() as scene:
            run = scene.start_test(Given.run, Given.hanger, "child", mode=None)
            hang = scene.explain_when(waits_for("child"))
            self.assertEqual((hang["runner"], hang["processes"][0]["command"]), (run.pid, [Given.hanger, "child"]))

    def test_the_child_of_who_waits_for_a_signal_is_named(self):
        with Scene() as scene:
            run = scene.start_test("timeout", "1000", Given.hanger, "child")
            hang = scene.explain_when(waits_for("signal"), run.pid)
            child = self.only_child(run.pid)
            (named,) = hang["processes"][0]["threads"][0]["children"]
            self.assertEqual(named["pid"], child)
            self.assertEqual(process_of(hang, child)["threads"][0]["waits_for"], "child")
            (grandchild,) = children_waited_for(child)
            self.assertIsNotNone(process_of(hang, grandchild))
            self.assertIn(f"(pid {child})", hang["summary"])

    def test_who_is_not_there_is_a_mistake(self):
        with Scene() as scene:
            run = scene.start_test("/bin/true", mode=None)
            run.wait()
            self.assertEqual(scene.ask("--why-hanging", run.pid)[:2], (2, ""))
