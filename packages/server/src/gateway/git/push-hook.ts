/**
 * The only git hook in use. A push may claim a parent commit that the sandbox must not read, and git accepts it when
 * the repository happens to contain that commit: the sandbox's own ref would then reach it. So before a ref moves,
 * every object not reachable from the sandbox's visible refs must have come with the push itself. And no object may
 * be larger than git on the host can handle (see `COMMAND_MEMORY_BYTES` in git.ts), however well compressed.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * Git runs it with the pushed objects in quarantine, and the repository as their alternate; here they are checked
 * without it. A failing part of the pipeline reports a missing object, and the last part must report that nothing is
 * missing, so that only a completely checked push passes.
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

/** Writes the hook next to the workspaces; returns its folder. */
export const writePushHook = async (hub: string): Promise<string> => {
  const folder = path.join(hub, '.hooks');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const draft = path.join(folder, `.pre-receive-${process.pid}`);
  await writeFile(draft, PRE_RECEIVE, { mode: 0o700 });
  await rename(draft, path.join(folder, 'pre-receive'));
  return folder;
};
