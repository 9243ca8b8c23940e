/**
 * Green evidence that is good for another run. A verdict belongs to what was judged (trees, by which commands, set-ups,
 * driver and limits: `planHash`), and to nothing else of a change. So a change that lost a race and whose new merge has
 * the very same files lands by the verdict that it has.
 *
 * Only a record of this workspace counts, in which the server wrote a verdict; never one that came by reuse itself, in
 * which anything was red, or beside which another run of the very same was: that gate is flaky.
 */
import type { Evidence, GateRun } from '@berth/contract';
import { failedIn } from '../../gate/index.ts';
import type { Ports } from '../../ports.ts';

/** What a gate may meet outside of its sandbox changes with time. */
export const EVIDENCE_GOOD_MS = 3_600_000;

const MAX_LOOKED_AT = 100;

export type Reused = {
  readonly gateRunId: string;
  readonly sandboxId: string;
  readonly evidence: readonly Evidence[];
};

/** `inputHash` finds the runs; it says of which workspace they are. */
export const findEvidence = (
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  { inputHash, planHash }: Pick<GateRun, 'inputHash'> & { readonly planHash: string },
): Promise<Reused | undefined> =>
  store.read(async (tx) => {
    const query = { where: { inputHash }, order: 'desc', limit: MAX_LOOKED_AT } as const;
    const same = (await tx.table('gateRuns').list(query)).filter(
      (run) => run.planHash === planHash && run.reusedFrom === undefined,
    );
    if (same.some(isRed)) return undefined;
    const [newest] = same.filter(({ state }) => state === 'green');
    if (newest === undefined || newest.updatedAt <= clock.now() - EVIDENCE_GOOD_MS) return undefined;
    return { gateRunId: newest.id, sandboxId: newest.sandboxId, evidence: newest.evidence };
  });

/** Also where only what the target judges by was. */
const isRed = ({ state, evidence, weakened = [] }: GateRun): boolean =>
  state === 'red' ||
  (state === 'green' &&
    (failedIn(evidence).length > 0 || weakened.some(({ kind }) => kind === 'target_red')));
