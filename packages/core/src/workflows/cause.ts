/** Why a run is being undone, as the engine recorded it before the first undo. */
import type { ErrorBody } from '@berth/contract';
import type { ReadTx } from '../kernel/index.ts';

export const causeOf = async (tx: ReadTx, run: string): Promise<ErrorBody | undefined> =>
  (await tx.table('sagas').get(run))?.error;
