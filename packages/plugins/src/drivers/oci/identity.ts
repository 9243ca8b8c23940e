/**
 * Who is who on both sides of the wall.
 *
 * Inside, everything runs as `agent` (1000) and nobody is root of the host. A server that is root gives all its
 * sandboxes a range of host ids that no account has. A server of an ordinary user maps `agent` to that user, so that
 * files stay theirs, and the rest to the range of /etc/subuid. The runtimes insist that root inside may own their state
 * files, so an ordinary user's runtime runs in a user namespace of its own (made by `unshare`, in which the user is 0
 * and the range is 1…); the ids of the sandbox are mapped to ids of that one.
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
  /** Host ids of `agent` inside. */
  readonly agent: { readonly uid: number; readonly gid: number };
  readonly uidMappings: readonly IdRange[];
  readonly gidMappings: readonly IdRange[];
}

const RANGE_SIZE = 65_536;

/** Rejects with `driver.absent` when this user has no range of subordinate ids. `idBase` counts for root only. */
export const identify = (idBase: number): Identity => {
  const { uid, gid, username } = userInfo();
  if (uid === 0) {
    const mapping = [{ containerID: 0, hostID: idBase, size: RANGE_SIZE }];
    const agent = { uid: idBase + AGENT_ID, gid: idBase + AGENT_ID };
    return { rootless: false, agent, uidMappings: mapping, gidMappings: mapping };
  }
  return {
    rootless: true,
    agent: { uid, gid },
    uidMappings: nested(subordinate('/etc/subuid', username, uid)),
    gidMappings: nested(subordinate('/etc/subgid', username, uid)),
  };
};

/** The user takes the first place of the outer namespace, so of the range the last id is left over. */
const nested = (count: number): IdRange[] => [
  { containerID: 0, hostID: 1, size: AGENT_ID },
  { containerID: AGENT_ID, hostID: 0, size: 1 },
  { containerID: AGENT_ID + 1, hostID: AGENT_ID + 1, size: Math.min(count, RANGE_SIZE) - AGENT_ID - 1 },
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
