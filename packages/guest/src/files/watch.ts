/** Changes below a folder as lines of JSON. A reader that is too slow is told `overflow` once and looks for itself. */
import { type FSWatcher, statSync, watch } from 'node:fs';
import type { Writable } from 'node:stream';
import { GUEST_LIMITS } from '@berth/contract/guest';
import type { GuestFileChange } from '@berth/contract/guest-messages';
import { refused } from './paths.ts';

let live = 0;

/** `begin` is called when watching has begun and returns where changes go. */
export const watchFolder = (path: string, begin: () => Writable): void => {
  if (live >= GUEST_LIMITS.watches) throw refused(path, `${live} folders are watched already`);
  // A recursive watch of nothing stays silent instead of failing.
  if (!statSync(path).isDirectory()) throw refused(path, 'it is not a folder');
  const watcher: FSWatcher = watch(path, { recursive: true });
  live += 1;
  const to = begin();
  let backlog = 0;
  let overflowed = false;
  const send = (change: GuestFileChange): void => {
    backlog += 1;
    to.write(`${JSON.stringify(change)}\n`, () => {
      backlog -= 1;
      if (backlog === 0) overflowed = false;
    });
  };
  watcher.on('change', (kind, name) => {
    if (backlog < GUEST_LIMITS.watchBacklog)
      send({ kind: kind === 'rename' ? 'renamed' : 'changed', path: String(name ?? '').slice(0, 4096) });
    else if (!overflowed) {
      overflowed = true;
      send({ kind: 'overflow', path: '' });
    }
  });
  watcher.once('error', () => to.end());
  to.once('close', () => {
    live -= 1;
    watcher.close();
  });
};
