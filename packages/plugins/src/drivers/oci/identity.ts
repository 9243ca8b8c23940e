/**
 * Who is who on both sides of the wall.
 *
 * Inside, commands run as `agent` (1000) and the guest as root of the sandbox alone, who is nobody on the host. A server
 * that is root gives all its sandboxes a range of host ids that no account has. A server of an ordinary user runs the
 * runtime in a user namespace of its own (made by `unshare`), in which the user is 0 and the ids of /etc/subuid follow;
 * the sandbox has the same ids. So what the server shares with the guest is the user's own, and `agent` is an id that
 * no account has, here as well.
 */
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { fail } from '@berth/contract';

export const AGENT_ID = 1000;

export interface IdRange {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface Identity {
  readonly rootless: boolean;
  /** Host ids of root inside, to whom belongs what the driver makes. */
  readonly root: { readonly uid: number; readonly gid: number };
  readonly uidMappings: readonly IdRange[];
  readonly gidMappings: readonly IdRange[];
}

const RANGE_SIZE = 65_536;

/** Rejects with `driver.absent` when this user has no range of subordinate ids. `idBase` counts for root only. */
export const identify = (idBase: number): Identity => {
  const { uid, gid, username } = userInfo();
  if (uid === 0) {
    const mapping = [{ containerID: 0, hostID: idBase, size: RANGE_SIZE }];
    const root = { uid: idBase, gid: idBase };
    return { rootless: false, root, uidMappings: mapping, gidMappings: mapping };
  }
  return {
    rootless: true,
    root: { uid, gid },
    uidMappings: same(subordinate('/etc/subuid', username, uid)),
    gidMappings: same(subordinate('/etc/subgid', username, uid)),
  };
};

/**
 * In two parts, as the outer namespace has them. The user takes the first place there, so of the range the last id is
 * left over.
 */
const same = (count: number): IdRange[] => [
  { containerID: 0, hostID: 0, size: 1 },
  { containerID: 1, hostID: 1, size: Math.min(count, RANGE_SIZE) - 1 },
];

/** Size of the first range of this user, the one that `unshare --map-auto` takes. */
const subordinate = (file: string, username: string, uid: number): number => {
  const line = readText(file)
    .split('\n')
    .map((text) => text.split(':'))
    .find(([owner]) => owner === username || owner === String(uid));
  const count = Number(line?.[2] ?? 0);
  if (count > AGENT_ID + 1) return count;
  throw fail('driver.absent', {
    driver: 'oci',
    detail: `the user ${username} has no range of ids in ${file}; as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${username}`,
  });
};

const readText = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};
