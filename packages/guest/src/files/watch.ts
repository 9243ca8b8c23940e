/**
 * Changes below a folder as lines of JSON. A reader that is too slow gets one `overflow` and has to rescan; so does
 * one whose folders cannot all be watched.
 *
 * inotify watches single folders. New folders are opened with the rights of commands, like every requested path, so
 * that a link put in a folder's place gives no extra access.
 */
import { type FSWatcher, lstatSync, readdirSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { GUEST_LIMITS } from '@berth/contract/guest';
import type { GuestFileChange } from '@berth/contract/guest-messages';
import { systemCode } from '../refusal.ts';
import type { CommandUser } from '../user.ts';
import { refused } from './paths.ts';

let live = 0;

/** `begin` is called when watching has started and returns the sink for changes. */
export const watchFolder = (path: string, user: CommandUser, begin: () => Writable): void => {
  if (live >= GUEST_LIMITS.watches) throw refused(path, `${live} folders are already watched`);
  if (!user.as(() => statSync(path)).isDirectory()) throw refused(path, 'it is not a folder');
  const early: GuestFileChange[] = [];
  let tell = (change: GuestFileChange): void => void early.push(change);
  const tree = watchTree(path, user, (change) => tell(change));
  live += 1;
  const to = begin();
  tell = createChangeWriter(to);
  for (const change of early) tell(change);
  to.once('close', () => {
    live -= 1;
    tree.close();
  });
};

const OVERFLOW: GuestFileChange = { kind: 'overflow', path: '' };

const createChangeWriter = (to: Writable): ((change: GuestFileChange) => void) => {
  let backlog = 0;
  let overflowed = false;
  const write = (change: GuestFileChange): void => {
    backlog += 1;
    to.write(`${JSON.stringify(change)}\n`, () => {
      backlog -= 1;
      if (backlog === 0) overflowed = false;
    });
  };
  return (change) => {
    if (backlog < GUEST_LIMITS.watchBacklog && change.kind !== 'overflow') return write(change);
    if (overflowed) return;
    overflowed = true;
    write(OVERFLOW);
  };
};

/** Paths are relative to `root`; the root itself is the empty path. */
const watchTree = (root: string, user: CommandUser, tell: (change: GuestFileChange) => void) => {
  const watchers = new Map<string, FSWatcher>();
  const doubtful = new Set<string>();
  const forget = (path: string): void => {
    for (const [at, watcher] of watchers) {
      if (at !== path && !at.startsWith(`${path}/`)) continue;
      watcher.close();
      watchers.delete(at);
    }
  };
  /** Entries created in a new folder before it was watched are reported, too. */
  const add = (path: string, isNew: boolean): void => {
    if (watchers.size >= GUEST_LIMITS.watchedFolders) {
      tell(OVERFLOW);
      return;
    }
    const watcher = watch(join(root, path), (kind, name) => onChange(join(path, name ?? ''), kind));
    watcher.on('error', () => forget(path));
    watchers.set(path, watcher);
    for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
      const inner = join(path, entry.name);
      if (isNew) tell({ kind: 'renamed', path: inner.slice(0, LONGEST_PATH) });
      if (entry.isDirectory()) attempt(() => add(inner, isNew));
    }
  };
  const look = (path: string): void => {
    forget(path);
    const stat = lstatSync(join(root, path), { throwIfNoEntry: false });
    if (stat?.isDirectory() === true) add(path, true);
  };
  /** A folder that vanishes, or is not accessible to commands, is not watched. */
  const attempt = (act: () => void): void => {
    try {
      act();
    } catch (error) {
      if (!HARMLESS.has(systemCode(error))) tell(OVERFLOW);
    }
  };
  const onChange = (path: string, kind: string): void => {
    tell({ kind: kind === 'rename' ? 'renamed' : 'changed', path: path.slice(0, LONGEST_PATH) });
    if (kind !== 'rename') return;
    // Switching users costs more than scanning, so simultaneous changes are scanned together.
    if (doubtful.size === 0)
      setImmediate(() => {
        user.as(() => {
          for (const one of doubtful) attempt(() => look(one));
        });
        doubtful.clear();
      });
    doubtful.add(path);
  };
  const close = (): void => {
    for (const watcher of watchers.values()) watcher.close();
  };
  try {
    user.as(() => add('', false));
  } catch (error) {
    close();
    throw error;
  }
  return { close };
};

const LONGEST_PATH = 4096;
const HARMLESS = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM']);
