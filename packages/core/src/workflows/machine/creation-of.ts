/** The run that created a sandbox, or that has yet to create it; it holds the plan. */
import { familyOf, type ReadTx, type SagaRun } from '../../kernel/index.ts';
import { createSandbox } from './create-sandbox.ts';

/** Other runs about the same record come after it. */
const RUNS_OF_A_SUBJECT = 50;

/** The latest, in any version. */
export const creationOf = async (tx: ReadTx, sandboxId: string): Promise<SagaRun | undefined> => {
  const where = { subject: sandboxId };
  const runs = await tx.table('sagas').list({ where, order: 'desc', limit: RUNS_OF_A_SUBJECT });
  return runs.find(({ name }) => familyOf(name) === createSandbox.family);
};
