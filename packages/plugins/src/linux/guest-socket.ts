/**
 * Connects to a socket whose folder the inside of a sandbox can write.
 *
 * The folder is opened without following a link; the entry is opened as itself (O_PATH), verified to be a socket, and
 * connected through its descriptor. Nothing can be swapped between check and connect, and a path of any length fits
 * into the 107 bytes of a socket address.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { fail } from '@berth/contract';

/** From <fcntl.h>; Node does not define it. */
const O_PATH = 0o1000_0000;

/** Rejects with the system's own error. */
export const connectWithin = async (folder: string, name: string): Promise<Socket> => {
  await using directory = await open(folder, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  await using entry = await open(`/proc/self/fd/${directory.fd}/${name}`, O_PATH | constants.O_NOFOLLOW);
  if (!(await entry.stat()).isSocket()) {
    throw Object.assign(new TypeError(`${name} is not a socket`), { code: 'ENOTSOCK' });
  }
  return await new Promise<Socket>((resolve, reject) => {
    const socket = connect({ path: `/proc/self/fd/${entry.fd}` });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
};

/** Rejects with `sandbox.unreachable`. */
export const connectGuest = async (id: string, folder: string, name: string): Promise<Socket> => {
  try {
    return await connectWithin(folder, name);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw fail('sandbox.unreachable', { id, detail }, { cause: error });
  }
};
