/**
 * Keeps commands together with everything they start. Where the driver has control groups for commands, the guest
 * holds the new process, the driver puts it into a group named after the command, and then it is released. Every step
 * is idempotent, so whoever takes over after a crash starts with the first. Elsewhere the guest kills what it finds
 * by its marks, which a process can shed.
 */
import { fail } from '@berth/contract';
import { GuestExec } from '@berth/contract/guest-messages';
import { printable } from '../channel/preface.ts';
import { ask, isMissing, type ProcessAddress, pathOf } from './process-address.ts';

const NOT_HELD = 'a command of this id was started already, and nothing holds together what it starts';

/**
 * `begun` is what the guest reported of a command that it was asked to hold. One that it neither holds nor held is
 * not contained, whatever it is: rejects with `exec.not_startable`.
 */
export const contain = async (place: ProcessAddress, begun: GuestExec): Promise<void> => {
  const { id, pid, command, exit } = begun;
  const path = pathOf(id);
  if (begun.released === true) return;
  if (begun.held !== true)
    throw fail('exec.not_startable', { command: printable(command), reason: NOT_HELD });
  if (exit !== undefined) return;
  try {
    await place.groups?.enter(id, pid);
  } catch (error) {
    // It may have ended while it was held, by its timeout or by another program inside: then that is the result.
    const now = await place.link.repeat((control) => control.json({ method: 'GET', path }, GuestExec));
    if (now.exit === undefined) throw error;
    return;
  }
  await ask(place, `${path}/release`);
};

/**
 * The group first, which does not depend on the guest; then what the guest knows of. Rejects if the server has
 * released the sandbox: a turn that a stop interrupted may get here late, and must not end what is meant to continue.
 */
export const endTree = async (place: ProcessAddress, execId: string): Promise<void> => {
  place.link.assertOpen();
  await place.groups?.end(execId);
  try {
    await ask(place, `${pathOf(execId)}/signal`, { name: 'SIGKILL' });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
};
