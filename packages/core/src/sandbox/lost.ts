/** What the record of a sandbox says of the death of its machine, and of the next one. */
import { allows, fail, type Sandbox, sandboxStates } from '@berth/contract';
import { bodyOf, move, type Tx } from '../kernel/index.ts';

/** Returns the state that it has then; `error` also when it was known already. */
export const lose = async (tx: Tx, id: string, reason: string): Promise<Sandbox['state'] | undefined> => {
  const sandbox = await tx.table('sandboxes').get(id);
  if (sandbox === undefined || !allows(sandboxStates, sandbox.state, 'lost')) return sandbox?.state;
  const error = bodyOf(fail('sandbox.died', { id, reason }));
  return (await move(tx, 'sandboxes', id, { trigger: 'lost', patch: { error }, details: { reason } })).state;
};

export const recover = async (tx: Tx, id: string, unenforced?: readonly string[]): Promise<void> => {
  const sandbox = await tx.table('sandboxes').get(id);
  if (sandbox?.state !== 'error') return;
  const patch = { error: undefined, ...(unenforced === undefined ? {} : { unenforced: [...unenforced] }) };
  await move(tx, 'sandboxes', id, { trigger: 'recovered', patch });
};
