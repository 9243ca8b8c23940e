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
  running: {
    passed: 'green',
    /** It did not run: the very same had passed already, see `reusedFrom`. */
    reused: 'green',
    failed: 'red',
    broke: 'broken',
  },
  green: {},
  red: {},
  /** The gate itself could not run: not a pass. */
  broken: {},
});

/**
 * `target`: judged by the target's commands, scripts, configuration and test files. `change`: additionally judged by
 * its own version of these.
 */
export const JudgedBy = z.enum(['target', 'change']).meta({ id: 'JudgedBy' });
export type JudgedBy = z.infer<typeof JudgedBy>;

export const Evidence = z
  .object({
    name: z.string(),
    repository: z.string(),
    command: z.string(),
    judgedBy: JudgedBy.default('target'),
    /** Number of tests run, when the output of a known test runner reports it. */
    tests: z.int().optional(),
    /** How many of them failed by what the runner says, whatever it ended with. */
    testsFailed: z.int().optional(),
    /** Names of those that passed, where the runner prints them: `#` stands for numbers, `(2)` for a repeated name. */
    testsPassed: z.array(z.string()).optional(),
    exitCode: z.int().nullable(),
    timedOut: z.boolean(),
    outOfMemory: z.boolean(),
    durationMs: z.number(),
    /** The last 16 KiB of both streams. */
    logTail: z.string(),
  })
  .meta({ id: 'Evidence' });
export type Evidence = z.infer<typeof Evidence>;

/** The only way to pass: exited 0 by itself, in time and within its memory. */
export const isGreen = (one: Evidence): boolean => one.exitCode === 0 && !one.timedOut && !one.outOfMemory;

/**
 * Whether the run says anything about what it judged: one that was ended from outside (by a limit or a signal)
 * says only how much the machine had to spare.
 */
export const hasVerdict = (one: Evidence): boolean =>
  !one.timedOut && !one.outOfMemory && one.exitCode !== null && one.exitCode !== KILLED;
/** What a shell exits with if its program was killed. */
const KILLED = 128 + 9;

/** Why a change weakens the gate. */
export const Weakening = z
  .object({
    kind: z.enum([
      'command_removed',
      'setup_changed',
      'script_changed',
      'configuration_changed',
      'test_deleted',
      'test_reduced',
      'tests_fewer',
      /** They pass although they were altered so that they must fail. */
      'tests_disarmed',
      'check_suppressed',
      'target_red',
      'target_unknown',
    ]),
    repository: z.string(),
    /** A path, a script or a command. */
    subject: z.string(),
    detail: z.string(),
  })
  .meta({ id: 'Weakening' });
export type Weakening = z.infer<typeof Weakening>;

export const GateRun = z
  .object({
    id: GateRunId,
    state: stateOf(gateStates),
    changeId: ChangeId,
    sandboxId: SandboxId,
    profile: GateProfile,
    /** The merged commits under test, by repository. */
    commits: z.record(z.string(), CommitId),
    /** SHA-256 over workspace, trees, their commands, set-up, image, driver, egress and limits: equal inputs, equal hash. */
    inputHash: z.string(),
    /** The same over all that runs, also what the target judges by. */
    planHash: z.string().optional(),
    /** The run whose evidence this is, when the very same had been judged. */
    reusedFrom: GateRunId.optional(),
    evidence: z.array(Evidence),
    /** Of one more run, with the target's tests altered so that they must fail: red is as it should be. */
    altered: z.array(Evidence).optional(),
    /** What the change weakens; it then needs approval to land, unless the workspace says otherwise. */
    weakened: z.array(Weakening).optional(),
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
