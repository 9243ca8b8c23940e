/** A gate run: the commands that a merged result must pass, with the evidence. Anything but a clean pass is not a pass. */
import { z } from 'zod';
import { ErrorBody } from './errors.ts';
import { ChangeId, GateRunId, SandboxId } from './ids.ts';
import { eventsOf } from './kernel/event.ts';
import { route } from './kernel/route.ts';
import { stateOf, table } from './kernel/states.ts';
import { recordFields } from './page.ts';
import { CommitId, GateProfile } from './workspace.ts';

export const gateStates = table({
  running: { passed: 'green', failed: 'red', broke: 'broken' },
  green: {},
  red: {},
  /** The gate itself could not run: counts as not passed. */
  broken: {},
});

export const Evidence = z
  .object({
    name: z.string(),
    repository: z.string(),
    command: z.string(),
    exitCode: z.int().nullable(),
    timedOut: z.boolean(),
    outOfMemory: z.boolean(),
    durationMs: z.number(),
    /** The last 16 KiB of both streams. */
    logTail: z.string(),
  })
  .meta({ id: 'Evidence' });
export type Evidence = z.infer<typeof Evidence>;

/** The only way to pass: ended by itself, in time, within its memory, with 0. */
export const isGreen = (one: Evidence): boolean => one.exitCode === 0 && !one.timedOut && !one.outOfMemory;

export const GateRun = z
  .object({
    id: GateRunId,
    state: stateOf(gateStates),
    changeId: ChangeId,
    sandboxId: SandboxId,
    profile: GateProfile,
    /** The merged commits that were checked, by repository. */
    commits: z.record(z.string(), CommitId),
    /** SHA-256 over commits, commands and image: equal inputs, equal hash. */
    inputHash: z.string(),
    evidence: z.array(Evidence),
    error: ErrorBody.optional(),
    ...recordFields,
  })
  .meta({ id: 'GateRun' });
export type GateRun = z.infer<typeof GateRun>;

export const gateEvents = eventsOf('gate', gateStates);

export const gateRoutes = [
  route({
    id: 'gate.get',
    method: 'GET',
    path: '/v1/gate-runs/:id',
    params: z.strictObject({ id: GateRunId }),
    returns: GateRun,
    role: 'viewer',
    errors: ['record.missing'],
    summary: 'Show a gate run with its evidence',
  }),
] as const;
