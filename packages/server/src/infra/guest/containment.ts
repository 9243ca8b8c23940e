/**
 * Commands kept together with all that they start. Where the driver has groups for commands, the guest holds the new
 * process, the driver puts it into a group named after the command, and then it is let go. Every step may be done
 * again, so whoever takes over after a crash begins with the first. Elsewhere the guest ends what it finds by its
 * marks, which a process can shed.
 */
import { GuestExec } from '@berth/contract/guest-messages';
import { ask, isMissing, type ProcessPlace, pathOf } from './command-place.ts';

/** What the guest said of a command that it holds. */
export const contain = async (place: ProcessPlace, { id, pid }: GuestExec): Promise<void> => {
  const path = pathOf(id);
  try {
    await place.groups?.enter(id, pid);
  } catch (error) {
    // It may have ended while it was held, by its time limit or by another program inside: then that is the answer.
    const now = await place.link.repeat((control) => control.json({ method: 'GET', path }, GuestExec));
    if (now.exit === undefined) throw error;
  }
  await ask(place, `${path}/release`);
};

/**
 * The group first, which needs no word of the guest; then what the guest knows of. Rejects when the server has let go
 * of the sandbox: a turn that a stop left in the middle may come here late, and must not end what shall go on.
 */
export const endTree = async (place: ProcessPlace, execId: string): Promise<void> => {
  place.link.assertOpen();
  await place.groups?.end(execId);
  try {
    await ask(place, `${pathOf(execId)}/signal`, { name: 'SIGKILL' });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
};
