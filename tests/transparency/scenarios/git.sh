# SPDX-License-Identifier: MIT
#
# A history with fixed names and dates: the same hashes come out, or something was not the same.
set -u
exec 2>&1
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' GIT_CONFIG_NOSYSTEM=1
git config --global init.defaultBranch main
git config --global protocol.file.allow always
git init -q one && cd one || exit 1
for i in $(seq 20); do echo "$i" >"file$i"; git add . && git commit -q -m "number $i"; done
git rev-parse HEAD
git checkout -q -b branch && echo more >>file1 && git commit -q -a -m branch
git checkout -q main && echo other >>file2 && git commit -q -a -m main
git merge -q -m merged branch; git rev-parse HEAD; git log --oneline --graph | head -5
git checkout -q -b conflict HEAD~1 && echo clash >>file1 && git commit -q -a -m clash
git merge main; echo "conflict: $?"; git merge --abort; git status --short | wc -l
git rebase main; echo "rebase: $?"; git rebase --abort
git checkout -q main; echo stash >>file3; git stash -q && git stash pop -q; git diff --stat; git checkout -q .
git tag -a -m tag v1 && git describe
git worktree add -q ../tree HEAD && git worktree list | wc -l && git worktree remove ../tree
git gc -q --aggressive --prune=now; git fsck --strict; git count-objects
git repack -a -d -q --threads=2; git verify-pack -v .git/objects/pack/*.idx | tail -1 | wc -l
git archive HEAD | sha256sum
printf '#!/bin/sh\necho "hook: $0"\nexit 1\n' >.git/hooks/pre-commit; chmod +x .git/hooks/pre-commit
git commit -q --allow-empty -m refused; echo "hook said: $?"; rm .git/hooks/pre-commit
cd .. && git clone -q --no-local one two && cd two && git rev-parse HEAD && git fetch -q && git pull -q; echo "pull: $?"
git submodule --quiet add ../one sub && git commit -q -m sub && git rev-parse HEAD
git push -q ../one HEAD:refs/heads/pushed; git ls-remote ../one | cut -f2
git clone -q ../nothing-there; echo "no such repository: $?"
git grep -c -e . | tail -2; git blame file1 | wc -l; git shortlog -s -n HEAD
