/** Workspaces: looking one up, the commits of its targets, and problems in the gate it declares. */
import { fail, type GateCommand, type Workspace } from '@berth/contract';
import type { Store } from '../kernel/index.ts';
import type { CommitByRepository, Hub } from '../ports.ts';

/** Rejects with `record.missing`. */
export const workspaceOf = async ({ store }: { readonly store: Store }, id: string): Promise<Workspace> => {
  const workspace = await store.read((tx) => tx.table('workspaces').get(id));
  if (workspace === undefined) throw fail('record.missing', { noun: 'workspace', id });
  return workspace;
};

/** The tips of the target branches. Rejects with `branch.missing`. */
export const targetsOf = async (
  { hub }: { readonly hub: Pick<Hub, 'resolve'> },
  workspace: Workspace,
): Promise<CommitByRepository> => {
  const commits: Record<string, string> = {};
  for (const { name, branch } of workspace.repositories) {
    const commit = await hub.resolve(workspace.id, name, `refs/heads/${branch}`);
    if (commit === undefined) throw fail('branch.missing', { repository: name, branch });
    commits[name] = commit;
  }
  return commits;
};

/**
 * A problem in a declared gate that shows in its text, reported when it is written rather than after an agent
 * has been paid.
 */
interface GateIssue {
  readonly path: string;
  readonly message: string;
}

/** `first` is the repository of commands that name none. */
export const gateIssues = (commands: readonly GateCommand[], first: string): GateIssue[] =>
  commands.flatMap((command, index) => {
    const path = `body.gate.commands[${index}]`;
    const runs = runsNothing(command.run) ? [{ path: `${path}.run`, message: RUNS_NOTHING }] : [];
    return [...runs, ...nameIssues(commands, index, first), ...needIssues(commands, index, first)];
  });

const RUNS_NOTHING =
  'it runs nothing, so it would pass anything: give a shell line that fails when work is wrong';
const runsNothing = (run: string): boolean =>
  run.includes('\0') || run.split('\n').every((line) => /^\s*(?:#|$)/.test(line));

const repositoryOf = (command: GateCommand, first: string): string => command.repository ?? first;

const nameIssues = (commands: readonly GateCommand[], index: number, first: string): GateIssue[] => {
  const command = commands[index];
  const earlier = commands.findIndex(
    (one) => one.name === command?.name && repositoryOf(one, first) === repositoryOf(command, first),
  );
  if (command === undefined || earlier === index) return [];
  const message = `commands[${earlier}] is named ${command.name} already: give this one another name`;
  return [{ path: `body.gate.commands[${index}].name`, message }];
};

const needIssues = (commands: readonly GateCommand[], index: number, first: string): GateIssue[] =>
  (commands[index]?.needs ?? []).flatMap((need, at) => {
    const message = needProblem(commands, { index, need, first });
    return message === undefined ? [] : [{ path: `body.gate.commands[${index}].needs[${at}]`, message }];
  });

interface Need {
  readonly index: number;
  readonly need: string;
  readonly first: string;
}

/**
 * A command can only start from the state of earlier ones, so every cycle includes a need for a later
 * command.
 */
const needProblem = (commands: readonly GateCommand[], { index, need, first }: Need): string | undefined => {
  const command = commands[index];
  const named = commands.flatMap((one, at) => (one.name === need ? [{ ...one, at }] : []));
  if (command === undefined || named.length === 0) {
    const known = commands.filter((_, at) => at !== index).map(({ name }) => name);
    return `there is no command ${need}: name ${known.length === 0 ? 'none' : `one of ${known.join(', ')}`}`;
  }
  const beside = named.filter((one) => repositoryOf(one, first) === repositoryOf(command, first));
  const meant = beside.length > 0 ? beside : named;
  if (meant.length > 1) return `${need} is in several repositories: give each its own name`;
  const [one] = meant;
  if (one === undefined || one.at < index) return undefined;
  if (one.at === index) return 'it needs itself: take this out';
  return isNeededBy(commands, command.name, one)
    ? `${command.name} and ${need} need each other: take one of the two out`
    : `${need} comes after it: list ${need} before ${command.name}`;
};

/** Whether a command needs another, directly or indirectly. */
const isNeededBy = (commands: readonly GateCommand[], name: string, from: GateCommand): boolean => {
  const seen = new Set<string>();
  const waiting = [...(from.needs ?? [])];
  for (let need = waiting.pop(); need !== undefined; need = waiting.pop()) {
    if (need === name) return true;
    if (seen.has(need)) continue;
    seen.add(need);
    waiting.push(...commands.flatMap((one) => (one.name === need ? (one.needs ?? []) : [])));
  }
  return false;
};
