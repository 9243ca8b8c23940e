/** Ends commands that somebody else may have left running: those whose ids start with a prefix. */
import { GUEST_PATHS } from '@berth/contract/guest';
import { GuestExecList } from '@berth/contract/guest-messages';
import { unreachable } from '../channel/preface.ts';
import { endTree } from './containment.ts';
import { readOutput } from './process.ts';
import { ask, type ProcessAddress, pathOf } from './process-address.ts';

/** Time for a command to exit on its own: git then removes its locks. */
const LEAVE_MS = 5_000;

export const endCommands = async (place: ProcessAddress, idPrefix: string): Promise<void> => {
  const { execs } = await place.link.repeat((control) =>
    control.json({ method: 'GET', path: GUEST_PATHS.execs }, GuestExecList),
  );
  for (const { id } of execs) if (id.startsWith(idPrefix)) await endCommand(place, id);
};

const endCommand = async (place: ProcessAddress, id: string): Promise<void> => {
  await ask(place, `${pathOf(id)}/signal`, { name: 'SIGTERM' });
  if (await hasEnded(place, id)) return;
  await endTree(place, id);
  if (!(await hasEnded(place, id))) throw unreachable(place.id, `the command ${id} cannot be ended`);
};

const hasEnded = async (place: ProcessAddress, execId: string): Promise<boolean> => {
  const signal = AbortSignal.timeout(LEAVE_MS);
  try {
    for await (const { kind } of readOutput(place, { execId, signal })) if (kind === 'exit') return true;
    return false;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
};
