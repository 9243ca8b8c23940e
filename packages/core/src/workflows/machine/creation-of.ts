/** The run that made a sandbox, which says from what, or that has yet to make it. */
import { familyOf, type ReadTx, type SagaRun } from '../../kernel/index.ts';
import { createSandbox } from '../create-sandbox.ts';

/** Others about the same record come after it. */
const RUNS_OF_A_SUBJECT = 50;

/** The newest, in whatever version. */
export const creationOf = async (tx: ReadTx, sandboxId: string): Promise<SagaRun | undefined> => {
  const where = { subject: sandboxId };
  const runs = await tx.table('sagas').list({ where, order: 'desc', limit: RUNS_OF_A_SUBJECT });
  return runs.find(({ name }) => familyOf(name) === createSandbox.family);
};
