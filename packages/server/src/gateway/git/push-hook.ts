/**
 * The one hook that we give to git. A push may say that its history goes on at any commit, and git takes it when the
 * repository happens to hold that commit, also one that the sandbox must not read: its own ref would lead there then.
 * So before a ref moves, all that is new to what the sandbox is shown must have come with the push itself. And no part of
 * it is larger than git on the host can handle (see `COMMAND_MEMORY_BYTES` in git.ts), however well it was compressed.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * Git runs it with the pushed objects apart, and the repository as their alternate; here it is asked without. A part
 * that fails says so as what is missing, and of the last one only the answer that nothing is missing counts, so that
 * only a push which was looked at whole gets through.
 */
const PRE_RECEIVE = `#!/bin/sh
found=$({ cut -d' ' -f2 || echo 'the ids broke off'; } | {
  git rev-list --objects --no-object-names --stdin --not --exclude-hidden=receive --all ||
    echo 'the list broke off'
} | {
  GIT_ALTERNATE_OBJECT_DIRECTORIES= git cat-file --batch-check='%(objectname) %(objectsize)' --buffer ||
    echo 'the look broke off missing'
} | grep -Em1 -e ' missing$' -e ' ([3-9][0-9]{8}|[0-9]{10,})$')
[ $? -ne 1 ] || exit 0
case $found in
  *[0-9]) echo 'The push has a file of 300 MB or more: take it out of the commits.' >&2; exit 1 ;;
esac
echo 'the push leads to what this sandbox was never shown; fetch, and push what you made yourself' >&2
exit 1
`;

/** Writes the hook beside the workspaces; returns its folder. */
export const writePushHook = async (hub: string): Promise<string> => {
  const folder = path.join(hub, '.hooks');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const draft = path.join(folder, `.pre-receive-${process.pid}`);
  await writeFile(draft, PRE_RECEIVE, { mode: 0o700 });
  await rename(draft, path.join(folder, 'pre-receive'));
  return folder;
};
