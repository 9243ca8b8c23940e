/**
 * Finds green evidence that another run may reuse. A verdict belongs to what was judged (trees, commands,
 * set-ups, driver and limits: `planHash`) and to nothing else about a change. A change that lost a race and
 * whose new merge has the very same files therefore lands on the verdict it has.
 *
 * Only a record of this workspace with a verdict written by the server counts. A record does not count if it
 * was itself reused, if anything in it was red, or if another run of the same plan was red: that gate is
 * flaky.
 */
import type { Evidence, GateRun } from '@berth/contract';
import { failedIn } from '../../gate/index.ts';
import type { Ports } from '../../ports.ts';

/** What a gate depends on outside its sandbox changes over time. */
export const EVIDENCE_GOOD_MS = 3_600_000;

const MAX_LOOKED_AT = 100;

export type Reused = {
  readonly gateRunId: string;
  readonly sandboxId: string;
  readonly evidence: readonly Evidence[];
  /** Of the run with altered tests. */
  readonly altered?: readonly Evidence[] | undefined;
};

/** `inputHash` finds the runs; it also identifies the workspace. */
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
    const ageMs = newest === undefined ? EVIDENCE_GOOD_MS : clock.now() - newest.updatedAt;
    // Of evidence from the future, as after the clock was set back, nobody knows how old it is.
    if (newest === undefined || ageMs < 0 || ageMs >= EVIDENCE_GOOD_MS) return undefined;
    const { id: gateRunId, sandboxId, evidence, altered } = newest;
    return { gateRunId, sandboxId, evidence, ...(altered === undefined ? {} : { altered }) };
  });

/** Also if only the target's judgement was red. */
const isRed = ({ state, evidence, weakened = [] }: GateRun): boolean =>
  state === 'red' ||
  (state === 'green' &&
    (failedIn(evidence).length > 0 || weakened.some(({ kind }) => kind === 'target_red')));
