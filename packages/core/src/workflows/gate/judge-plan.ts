/**
 * How a merge is judged. The target decides: its commands run on the merge with the target's own scripts,
 * configuration and tests in place. The change's versions of these run in addition, on the merge as it is. If
 * the change leaves them alone, both are the same and run once.
 */
import { type ChangePart, type EgressPolicy, fail, type Weakening, type Workspace } from '@berth/contract';
import { changeRef, judgeRef, type MergedPart } from '../../change/index.ts';
import {
  type GatePlan,
  groupsOf,
  judgeChanges,
  linesAmong,
  type PlannedCommand,
  planGate,
  planOf,
  readAt,
  readForGate,
  removedCommands,
} from '../../gate/index.ts';
import type { CommitByRepository, Ports } from '../../ports.ts';
import { planSetup, setupChanges, setupLines, type WorkEgress } from '../../prebuild/index.ts';
import { ensurePrebuild, filesOf, type Start, settingOf } from '../prebuild/ensure.ts';
import type { GatePart } from './check-gate.ts';
import { gateSandbox, judgedBy, setupRedOf } from './gate-parts.ts';
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
};

export const planJudging = async (ports: Ports, wanted: ToJudge): Promise<JudgePlan> => {
  const { workspace } = wanted;
  const { commits, targets } = await commitsOf(ports, wanted);
  const target = await readForGate(ports.hub, workspace.id, targets);
  const change = await readForGate(ports.hub, workspace.id, commits);
  const plan = planGate(workspace, target, ports.defaults);
  const own = planOf(workspace, change, ports.defaults);
  const setUp = {
    target: await setupOf(ports, workspace, targets),
    change: await setupOf(ports, workspace, commits),
  };
  const weakened: Weakening[] = [
    ...removedCommands(plan.commands, own.commands),
    ...(await setupChanges(setUp.target, setUp.change)),
  ];
  const lines = await linesAmong({
    trees: target,
    linesIn: (repository) => [
      ...plan.commands.flatMap((one) => (one.repository === repository ? [one.run] : [])),
      ...setupLines(setUp.target.setup, repository, workspace.repositories[0]?.name === repository),
    ],
    textOf: (repository, path) =>
      readAt(ports.hub, workspace.id, repository, { commit: targets[repository] ?? '', path, links: true }),
  });
  const judging: Record<string, string> = { ...commits };
  for (const tree of change) {
    const { repository } = tree;
    const base = target.find((one) => one.repository === repository);
    const at = { target: targets[repository] ?? '', change: commits[repository] ?? '' };
    if (base === undefined || at.target === at.change) continue;
    const found = await judgeChanges(
      { target: base, change: tree, lines: lines.get(repository) ?? [] },
      (side, path) => readAt(ports.hub, workspace.id, repository, { commit: at[side], path, links: true }),
    );
    weakened.push(...found.weakened);
    if (found.fromTarget.length + Object.keys(found.texts).length === 0) continue;
    judging[repository] = await ports.hub.compose(workspace.id, repository, {
      commit: at.change,
      from: at.target,
      paths: found.fromTarget,
      texts: found.texts,
      message: `Judge ${wanted.changeId} by its target`,
      at: wanted.createdAt,
      keepAt: judgeRef(wanted.changeId),
    });
  }
  const isAltered =
    JSON.stringify(plan.commands) !== JSON.stringify(own.commands) ||
    Object.keys(commits).some((repository) => judging[repository] !== commits[repository]);
  const judgements: Judgement[] = [
    { judgedBy: 'target', commands: plan.commands, commits: judging },
    ...(isAltered ? [{ judgedBy: 'change' as const, commands: own.commands, commits }] : []),
  ];
  const task = await ports.store.read((tx) => tx.table('tasks').get(wanted.taskId));
  // The gate runs under the same egress policy as the work.
  const egress = task?.egress ?? workspace.egress ?? ports.defaults.egress;
  const inputHash = await judgedBy(ports, workspace, { commits, commands: own.commands, egress });
  const planHash = await planHashOf(ports, workspace, judgements, egress);
  const known = { plan, commits, targets, inputHash, planHash, egress };
  const reused = await findEvidence(ports, known);
  if (reused !== undefined) return { ...known, weakened, parts: [], reused };
  const work = { egress, isAsked: task?.egress !== undefined };
  const planned = await partsOf(ports, wanted, judgements, work);
  return { ...known, weakened: [...weakened, ...planned.weakened], parts: planned.parts };
};

const planHashOf = async (
  ports: Ports,
  workspace: Workspace,
  judgements: readonly Judgement[],
  egress: EgressPolicy,
): Promise<string> => {
  const hashes: [string, string][] = [];
  for (const { judgedBy: by, commits, commands } of judgements)
    hashes.push([by, await judgedBy(ports, workspace, { commits, commands, egress })]);
  return ports.digest(JSON.stringify(['plan@1', hashes]));
};

const setupOf = async (ports: Ports, workspace: Workspace, commits: CommitByRepository) => {
  const files = await filesOf(ports, workspace.id, commits);
  return {
    setup: planSetup(workspace, files, ports.defaults),
    files,
    read: settingOf(ports, workspace.id, commits),
  };
};

interface Judgement {
  readonly judgedBy: GatePart['judgedBy'];
  readonly commands: readonly PlannedCommand[];
  readonly commits: CommitByRepository;
}

const partsOf = async (
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
  const parts = started
    .flatMap((one) => groupsOf(one.commands).map((commands) => ({ ...one, commands })))
    .map((one, index) => {
      const id = ports.ids.from('sandbox', `${changeId}/gate/${index}`);
      const sandbox = gateSandbox(ports, workspace, { ...one, id, attemptId, egress: work.egress });
      return { judgedBy: one.judgedBy, commands: one.commands, attemptId, sandbox };
    });
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
