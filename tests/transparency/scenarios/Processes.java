// SPDX-License-Identifier: MIT
//
// What a JVM does with processes, sockets, files and threads. Run as a single source file.
import java.io.*;
import java.net.*;
import java.nio.channels.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;

public class Processes {
    static void children() throws Exception {
        Process echo = new ProcessBuilder("sh", "-c", "cat; echo error >&2; exit 5").start();
        try (OutputStream in = echo.getOutputStream()) { in.write("piped".getBytes()); }
        System.out.println("sh: " + new String(echo.getInputStream().readAllBytes()) + " "
                + new String(echo.getErrorStream().readAllBytes()).trim() + " " + echo.waitFor());
        try {
            new ProcessBuilder("/nothing/of/this/name").start();
        } catch (IOException problem) {
            System.out.println(problem.getMessage());
        }
        ProcessBuilder bare = new ProcessBuilder("sleep", "60");
        bare.environment().clear();
        Process sleeper = bare.start();
        sleeper.destroyForcibly();
        System.out.println("killed: " + sleeper.waitFor() + " left " + ProcessHandle.current().children().count());
        for (Redirect where : Redirect.values()) System.out.println(where.run());
    }

    enum Redirect {
        FILE, MERGED;

        String run() throws Exception {
            ProcessBuilder builder = new ProcessBuilder("sh", "-c", "echo out; echo err >&2").redirectErrorStream(this == MERGED);
            builder.redirectOutput(new File("out"));
            int status = builder.start().waitFor();
            return name() + " " + status + " " + Files.readAllLines(Path.of("out"));
        }
    }

    static void sockets() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
                Socket client = new Socket(server.getInetAddress(), server.getLocalPort());
                Socket peer = server.accept()) {
            client.getOutputStream().write(42);
            System.out.println("tcp: " + peer.getInputStream().read());
            try (ServerSocket again = new ServerSocket(server.getLocalPort(), 5, server.getInetAddress())) {
                System.out.println("not taken");
            } catch (BindException problem) {
                System.out.println(problem.getMessage());
            }
        }
        UnixDomainSocketAddress name = UnixDomainSocketAddress.of("local.sock");
        try (ServerSocketChannel local = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            local.bind(name);
            System.out.println("unix: " + Files.exists(name.getPath()));
        }
        Files.delete(name.getPath());
        try (Selector selector = Selector.open(); Pipe.SourceChannel source = Pipe.open().source()) {
            source.configureBlocking(false).register(selector, SelectionKey.OP_READ);
            System.out.println("selected: " + selector.selectNow());
        }
    }

    static void files() throws Exception {
        Path dir = Files.createTempDirectory("java"), file = Files.createTempFile(dir, "x", ".txt");
        Files.writeString(file, "text");
        Files.move(file, dir.resolve("moved"));
        Files.createSymbolicLink(dir.resolve("link"), Path.of("moved"));
        try (Stream<Path> all = Files.list(dir)) {
            System.out.println(all.map(path -> path.getFileName().toString()).sorted().collect(Collectors.toList()));
        }
        for (Callable<Object> call : List.<Callable<Object>>of(() -> Files.createDirectory(dir),
                () -> { Files.delete(dir); return 0; }, () -> Files.newInputStream(dir.resolve("absent")))) {
            try {
                System.out.println(call.call());
            } catch (IOException problem) {
                System.out.println(problem.getClass().getSimpleName());
            }
        }
        for (String name : List.of("link", "moved")) Files.delete(dir.resolve(name));
        Files.delete(dir);
    }

    static void threads() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(8);
        List<Future<Integer>> sums = new ArrayList<>();
        for (int i = 0; i < 100; ++i) {
            int n = i;
            sums.add(pool.submit(() -> n * n));
        }
        int sum = 0;
        for (Future<Integer> one : sums) sum += one.get();
        pool.shutdown();
        System.out.println("sum: " + sum + " " + pool.awaitTermination(60, TimeUnit.SECONDS));
    }

    public static void main(String[] arguments) throws Exception {
        children();
        sockets();
        files();
        threads();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("the end")));
        System.exit(4);
    }
}
