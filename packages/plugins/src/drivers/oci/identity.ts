/**
 * User mapping between host and sandbox.
 *
 * Inside, commands run as `agent` (1000) and the guest as root of the sandbox only, which is nobody on the host. A
 * root server gives all its sandboxes a range of host ids that no account has. A rootless server runs the runtime in
 * its own user namespace (created by `unshare`), in which the user is 0 and the ids of /etc/subuid follow; the
 * sandbox has the same ids. So what the server shares with the guest belongs to the user, and `agent` is an id that
 * no account has, here as well.
 *
 * A user without a range has a single id: guest and commands are both root inside, without any capability, and the
 * sandbox reports `verdict`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { SYSTEM_PATH } from '../../linux/system-program.ts';

export const AGENT_ID = 1000;

export interface IdRange {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface Identity {
  readonly rootless: boolean;
  /** Host ids of root inside, which owns what the driver creates. */
  readonly root: { readonly uid: number; readonly gid: number };
  /** uid and gid of commands inside: `agent`, or root where there is no other. */
  readonly commands: number;
  /** Why there is no other. */
  readonly single: string | undefined;
  /** Runs a program with full access to the files of all mapped ids. Empty: the server has it already. */
  readonly asOwner: readonly string[];
  readonly uidMappings: readonly IdRange[];
  readonly gidMappings: readonly IdRange[];
}

const RANGE_SIZE = 65_536;

const ONE = [{ containerID: 0, hostID: 0, size: 1 }];

/** `idBase` counts for root only. */
export const identify = (idBase: number): Identity => {
  const { uid, gid, username } = userInfo();
  if (uid === 0) {
    const mapping = [{ containerID: 0, hostID: idBase, size: RANGE_SIZE }];
    const root = { uid: idBase, gid: idBase };
    const mappings = { uidMappings: mapping, gidMappings: mapping };
    return { rootless: false, root, commands: AGENT_ID, single: undefined, asOwner: [], ...mappings };
  }
  const ids = subordinate('/etc/subuid', username, uid);
  const groups = subordinate('/etc/subgid', username, uid);
  const root = { uid, gid };
  const single = whySingle(username, Math.min(ids, groups));
  const asOwner = ['unshare', '--map-root-user'];
  if (single !== undefined)
    return { rootless: true, root, commands: 0, single, asOwner, uidMappings: ONE, gidMappings: ONE };
  return {
    ...{ rootless: true, root, commands: AGENT_ID, single },
    asOwner: [...asOwner, '--map-auto'],
    uidMappings: same(ids),
    gidMappings: same(groups),
  };
};

const whySingle = (username: string, count: number): string | undefined => {
  if (count <= AGENT_ID + 1)
    return `the user ${username} has no range in /etc/subuid and /etc/subgid, so commands run as the guest's user; as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${username}`;
  const isThere = (name: string): boolean =>
    SYSTEM_PATH.split(':').some((path) => existsSync(join(path, name)));
  if (['newuidmap', 'newgidmap'].every(isThere)) return undefined;
  return "newuidmap and newgidmap are not installed, so commands run as the guest's user; as root: apt-get install uidmap";
};

/**
 * In two parts, as in the outer namespace. The user takes the first id there, so the last id of the range is unused.
 */
const same = (count: number): IdRange[] => [
  ...ONE,
  { containerID: 1, hostID: 1, size: Math.min(count, RANGE_SIZE) - 1 },
];

/** Size of this user's first range, which `unshare --map-auto` uses; 0 without one. */
const subordinate = (file: string, username: string, uid: number): number => {
  const line = readText(file)
    .split('\n')
    .map((text) => text.split(':'))
    .find(([owner]) => owner === username || owner === String(uid));
  return Number(line?.[2] ?? 0);
};

const readText = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};
