/**
 * How a merge is judged. The target decides: its commands run on the merge with the target's own scripts,
 * configuration and tests in place. The change's versions of these run in addition, on the merge as it is. If
 * the change leaves them alone, both are the same and run once.
 */
import { type ChangePart, type EgressPolicy, fail, type Weakening, type Workspace } from '@berth/contract';
import { changeRef, judgeRef, type MergedPart } from '../../change/index.ts';
import {
  type GatePlan,
  type JudgedTree,
  notCompared,
  type PlannedCommand,
  planGate,
  planOf,
  readAt,
  readForGate,
  removedCommands,
  testsOf,
} from '../../gate/index.ts';
import type { CommitByRepository, Ports } from '../../ports.ts';
import {
  planSetup,
  type SetupSide,
  setupChanges,
  setupLines,
  type WorkEgress,
} from '../../prebuild/index.ts';
import { ensurePrebuild, filesOf, type Start, settingOf } from '../prebuild/ensure.ts';
import type { GatePart } from './check-gate.ts';
import { gateSandbox, judgedBy, partsOf, setupRedOf } from './gate-parts.ts';
import { findEvidence, type Reused } from './reuse.ts';

export interface ToJudge {
  readonly changeId: string;
  readonly taskId: string;
  readonly attemptId: string;
  readonly workspace: Workspace;
  readonly createdAt: number;
  readonly merged: readonly MergedPart[];
  readonly signal: AbortSignal;
}

export type JudgePlan = {
  readonly plan: GatePlan;
  /** The merge, plus the targets of repositories that the change does not touch. */
  readonly commits: CommitByRepository;
  readonly targets: CommitByRepository;
  readonly weakened: readonly Weakening[];
  readonly inputHash: string;
  /** A hash of everything that would run: equal for equal files, commands, set-ups, drivers and limits. */
  readonly planHash: string;
  readonly egress: EgressPolicy;
  /** Empty if the evidence of an earlier run is reused. */
  readonly parts: readonly GatePart[];
  readonly reused?: Reused | undefined;
  /** The target's tests, by repository, for the run that must fail; absent if there is to be none. */
  readonly altered?: Readonly<Record<string, readonly string[]>> | undefined;
};

export const planJudging = async (ports: Ports, wanted: ToJudge): Promise<JudgePlan> => {
  const { workspace } = wanted;
  const { commits, targets } = await commitsOf(ports, wanted);
  const sides = {
    target: await sideOf(ports, workspace, targets),
    change: await sideOf(ports, workspace, commits),
  };
  const plan = planGate(workspace, sides.target.trees, ports.defaults);
  const own = planOf(workspace, sides.change.trees, ports.defaults);
  const compared = await compareFiles(ports, wanted, { ...sides, commands: plan.commands });
  const judgements = judgementsOf({ plan, own, commits, judging: compared.judging });
  const weakened = [
    ...removedCommands(plan.commands, own.commands),
    ...(await setupChanges(sides.target.setUp, sides.change.setUp)),
    ...compared.weakened,
  ];
  const task = await ports.store.read((tx) => tx.table('tasks').get(wanted.taskId));
  // The gate runs under the same egress policy as the work.
  const egress = task?.egress ?? workspace.egress ?? ports.defaults.egress;
  const isEgressAsked = task?.egress !== undefined;
  const of = { attemptId: wanted.attemptId, egress, isEgressAsked };
  const inputHash = await judgedBy(ports, workspace, { ...of, commits, commands: own.commands });
  const altered = isAltering(ports, workspace) ? compared.tests : undefined;
  const planHash = await planHashOf(ports, workspace, { judgements, altered, of });
  const known = {
    ...{ plan, commits, targets, inputHash, planHash, egress },
    ...(altered === undefined ? {} : { altered }),
  };
  const reused = await findEvidence(ports, known);
  if (reused !== undefined) return { ...known, weakened, parts: [], reused };
  const work = { egress, isAsked: isEgressAsked };
  const planned = await planParts(ports, wanted, judgements, work);
  return { ...known, weakened: [...weakened, ...planned.weakened], parts: planned.parts };
};

/** The target, or the merge: its files, and the set-up that they imply. */
interface Side {
  readonly commits: CommitByRepository;
  readonly trees: readonly JudgedTree[];
  readonly setUp: SetupSide;
}

const sideOf = async (ports: Ports, workspace: Workspace, commits: CommitByRepository): Promise<Side> => {
  const trees = await readForGate(ports.hub, workspace.id, commits);
  const files = await filesOf(ports, workspace.id, commits);
  const setup = planSetup(workspace, files, ports.defaults);
  return { commits, trees, setUp: { setup, files, read: settingOf(ports, workspace.id, commits) } };
};

interface Sides {
  readonly target: Side;
  readonly change: Side;
  readonly commands: readonly PlannedCommand[];
}

interface Compared {
  readonly weakened: readonly Weakening[];
  readonly judging: CommitByRepository;
  /** The target's tests that may be altered; absent if the change has nothing that tests may load. */
  readonly tests?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** With `allow`, nothing would follow from what it finds. */
const isAltering = ({ defaults }: Ports, { gate }: Workspace): boolean =>
  (gate?.alteredTests ?? defaults.alteredTests) && gate?.weakened !== 'allow';

/** What the change weakens in its files, and the commits in which the target's judges are in place. */
const compareFiles = async (
  { hub, judge }: Ports,
  { workspace, changeId, createdAt, signal }: ToJudge,
  sides: Sides,
): Promise<Compared> => {
  const commitOf = (side: 'target' | 'change', repository: string) => sides[side].commits[repository] ?? '';
  const altered = sides.change.trees.filter(
    ({ repository }) => commitOf('target', repository) !== commitOf('change', repository),
  );
  const compared = await judge.compare(
    { target: sides.target.trees, change: altered, lines: linesOf(workspace, sides) },
    (side, repository, path) =>
      readAt(hub, workspace.id, repository, { commit: commitOf(side, repository), path, links: true }),
    signal,
  );
  const judging: Record<string, string> = { ...sides.change.commits };
  if (compared === undefined)
    return { weakened: altered.map(({ repository }) => notCompared(repository)), judging };
  for (const [repository, found] of Object.entries(compared)) {
    if (found.fromTarget.length + Object.keys(found.texts).length === 0) continue;
    judging[repository] = await hub.compose(workspace.id, repository, {
      commit: commitOf('change', repository),
      from: commitOf('target', repository),
      paths: found.fromTarget,
      texts: found.texts,
      message: `Judge ${changeId} by its target`,
      at: createdAt,
      keepAt: judgeRef(changeId),
    });
  }
  const found = Object.values(compared);
  const weakened = found.flatMap((one) => one.weakened);
  if (!found.some(({ isLoadable }) => isLoadable)) return { weakened, judging };
  const tests = sides.target.trees.map((tree): [string, readonly string[]] => [
    tree.repository,
    compared[tree.repository]?.tests ?? testsOf(tree),
  ]);
  return { weakened, judging, tests: Object.fromEntries(tests) };
};

/** The lines that the target's gate and set-up run, by repository. */
const linesOf = ({ repositories }: Workspace, { target, commands }: Sides) =>
  Object.fromEntries(
    repositories.map(({ name }, index) => [
      name,
      [
        ...commands.flatMap((one) => (one.repository === name ? [one.run] : [])),
        ...setupLines(target.setUp.setup, name, index === 0),
      ],
    ]),
  );

interface Plans {
  readonly plan: GatePlan;
  /** As the change has it. */
  readonly own: GatePlan;
  readonly commits: CommitByRepository;
  readonly judging: CommitByRepository;
}

const judgementsOf = ({ plan, own, commits, judging }: Plans): Judgement[] => {
  const isAltered =
    JSON.stringify(plan.commands) !== JSON.stringify(own.commands) ||
    Object.keys(commits).some((repository) => judging[repository] !== commits[repository]);
  return [
    { judgedBy: 'target', commands: plan.commands, commits: judging },
    ...(isAltered ? [{ judgedBy: 'change' as const, commands: own.commands, commits }] : []),
  ];
};

interface Planned extends Pick<JudgePlan, 'altered'> {
  readonly judgements: readonly Judgement[];
  readonly of: Omit<Parameters<typeof judgedBy>[2], 'commits' | 'commands'>;
}

const planHashOf = async (
  ports: Ports,
  workspace: Workspace,
  { judgements, altered, of }: Planned,
): Promise<string> => {
  const hashes: [string, string][] = [];
  for (const { judgedBy: by, commits, commands } of judgements)
    hashes.push([by, await judgedBy(ports, workspace, { ...of, commits, commands })]);
  const tests = altered === undefined ? [] : [Object.entries(altered).sort()];
  return ports.digest(JSON.stringify(['plan@1', hashes, ...tests]));
};

interface Judgement {
  readonly judgedBy: GatePart['judgedBy'];
  readonly commands: readonly PlannedCommand[];
  readonly commits: CommitByRepository;
}

const planParts = async (
  ports: Ports,
  wanted: ToJudge,
  judgements: readonly Judgement[],
  work: WorkEgress,
): Promise<Pick<JudgePlan, 'parts' | 'weakened'>> => {
  const { workspace, changeId, attemptId, signal } = wanted;
  const started: (Judgement & { readonly from: Record<string, string>; readonly start: Start })[] = [];
  const weakened: Weakening[] = [];
  // Each judgement uses a set-up by its own scripts: the change's set-up could substitute other tools.
  for (const one of judgements) {
    const from = refsTo(wanted, one.commits);
    try {
      const asked = { workspace, commits: one.commits, from, attemptId, work, signal };
      const start = await ensurePrebuild(ports, asked);
      started.push({ ...one, from, start });
    } catch (error) {
      const red = setupRedOf(error, workspace.repositories[0]?.name);
      const isJudgedBeside = one.judgedBy === 'target' && (judgements[1]?.commands.length ?? 0) > 0;
      if (red === undefined || !isJudgedBeside) throw error;
      weakened.push(red);
    }
  }
  const parts: GatePart[] = [];
  for (const { judgedBy: by, commands, ...one } of started)
    for (const part of await partsOf(ports, workspace, commands, parts.length)) {
      const id = ports.ids.from('sandbox', `${changeId}/gate/${parts.length}`);
      const sandbox = gateSandbox(ports, workspace, { ...one, id, attemptId, egress: work.egress });
      parts.push({ ...part, judgedBy: by, attemptId, sandbox });
    }
  return { parts, weakened };
};

/**
 * The hidden refs that lead to the judged commits; for a repository the change leaves alone, its target's
 * ref.
 */
const refsTo = ({ changeId, merged }: ToJudge, commits: CommitByRepository): Record<string, string> =>
  Object.fromEntries(
    merged
      .filter(({ repository, base }) => commits[repository] !== base)
      .map(({ repository, merge }) => [
        repository,
        commits[repository] === merge ? changeRef(changeId) : judgeRef(changeId),
      ]),
  );

const commitsOf = async ({ hub }: Ports, { workspace, merged }: ToJudge) => {
  const commits: Record<string, string> = {};
  const targets: Record<string, string> = {};
  for (const { name, branch } of workspace.repositories) {
    const part = merged.find(({ repository }: ChangePart) => repository === name);
    const commit = part?.base ?? (await hub.resolve(workspace.id, name, `refs/heads/${branch}`));
    if (commit === undefined) throw fail('branch.missing', { repository: name, branch });
    targets[name] = commit;
    commits[name] = part?.merge ?? commit;
  }
  return { commits, targets };
};
