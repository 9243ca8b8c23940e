/** `berth run "<prompt>" --repo .`: runs a task on the user's own checkout, from zero to a landed branch. */
import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  type Change,
  fail,
  type GateSpec,
  isBerthError,
  issuesIn,
  TaskCreate,
  type Workspace,
} from '@berth/contract';
import type { Client } from '@berth/sdk/node';
import type { Command } from 'commander';
import { branchOf, fetchLanded, topOf, unseenIn } from '../checkout.ts';
import { type Context, type Frame, leaf, text } from '../command.ts';
import { clientAt } from '../connection.ts';
import { flagFor } from '../derive.ts';
import { isReady, startDetached } from '../server-process.ts';
import { watch } from '../watch.ts';
import { allWorkspaces } from '../workspace-name.ts';

/** How long `--keep` keeps the sandbox for inspection. */
const KEEP_MS = 86_400_000;
const MOST_NAMES = 20;
type TaskRequest = Omit<TaskCreate, 'workspaceId'>;

export const runCommand = (frame: Frame): Command => {
  const egress = flagFor('task.create', 'egress');
  const after = flagFor('task.create', 'after');
  return leaf(
    frame,
    'run',
    'Run a task on a repository and leave the landed branch ready to merge',
    (context, { args, options }) => run(context, args[0] ?? '', options),
  )
    .argument('<prompt>', 'what to do')
    .option('--repo <folder>', 'a checkout on this machine', '.')
    .option('--branch <name>', 'where the work lands; default: the checked-out branch')
    .option('--agent <name>', 'the agent to use')
    .option('--model <name>', 'provider/model')
    .option('--driver <name>', 'the sandbox driver to use')
    .option(
      '--gate <command>',
      'a shell line that must pass before the change lands, instead of the detected commands; repeatable',
      (line: string, before: readonly string[] = []) => [...before, line],
    )
    .option(
      egress.syntax,
      `egress of its agent and gate: ${egress.meaning}; default: that of the workspace`,
      egress.read,
    )
    .option(
      after.syntax,
      'tasks of the same workspace, by id, that must complete before this one starts',
      after.read,
    )
    .option('--keep', 'keep the sandbox for a day');
};

const run = async (
  started: Context,
  prompt: string,
  options: Readonly<Record<string, unknown>>,
): Promise<number> => {
  // Report what is impossible before a server is started and a repository imported for it.
  const wanted = wantedBy(prompt, options);
  const source = await topOf(started.world, text(options.repo) ?? '.');
  const branch = text(options.branch) ?? (await branchOf(started.world, source));
  const gate = gateOf(options.gate);
  const context = await withServer(started);
  const { client, output } = context;
  const driver = text(options.driver);
  await client.tasks.check({ agent: wanted.agent, model: wanted.model, driver });
  const workspace = await workspaceFor(context, { source, branch, driver, gate });
  await warnOfUnseen(context, { source, branch, workspace });
  const { lastSeq } = await client.system.stats();
  const task = await client.tasks.create(
    { workspaceId: workspace.id, ...wanted },
    { idempotencyKey: randomUUID() },
  );
  if (!output.isJson) output.line(`task ${task.id} in workspace ${workspace.name}`);
  const watched = await watch(context, { id: task.id, afterSeq: lastSeq });
  if (watched.exitCode !== 0 || watched.task?.changeId === undefined) return watched.exitCode;
  await bringHome(context, {
    source,
    workspace,
    change: await client.changes.get({ id: watched.task.changeId }),
  });
  return 0;
};

const wantedBy = (prompt: string, options: Readonly<Record<string, unknown>>): TaskRequest => {
  const { agent, model, egress, after, keep } = options;
  const keepAliveMs = keep === true ? KEEP_MS : undefined;
  const request = { prompt, agent, model, egress, after, keepAliveMs };
  const { success, data, error } = TaskCreate.omit({ workspaceId: true }).safeParse(request);
  if (success) return data;
  throw fail('request.invalid', { issues: issuesIn('body', error, request) });
};

/** Commands in the order in which they were given. */
const gateOf = (lines: unknown): GateSpec | undefined =>
  Array.isArray(lines) && lines.length > 0
    ? { commands: lines.map((line, index) => ({ name: `gate-${index + 1}`, run: String(line) })) }
    : undefined;

/** A task sees only the commits of one branch; warn beforehand about anything else in the checkout. */
const warnOfUnseen = async (
  { world, output }: Context,
  { source, branch, workspace }: { source: string; branch: string | undefined; workspace: Workspace },
): Promise<void> => {
  const [repository] = workspace.repositories;
  if (output.isJson || repository === undefined) return;
  const { branch: target, hubPath } = repository;
  const notes = await unseenIn(world, { source, branch: target, hubPath });
  if (branch === undefined) output.line(`no branch is checked out: the work lands on ${target}`);
  for (const note of notes) output.line(`note: ${note}`);
};

/** The running server, or one started here when no address was given. */
const withServer = async (context: Context): Promise<Context> => {
  const { world, connection, output } = context;
  if (!connection.isOwnHome || (await isReady(connection))) return context;
  if (!output.isJson) output.line(output.colour('dim', `starting the server in ${connection.home}`));
  const running = await startDetached(world, { connection, flags: [] });
  return { ...context, connection: running, client: clientAt(running) };
};

interface Wanted {
  readonly source: string;
  readonly branch: string | undefined;
  readonly driver: string | undefined;
  readonly gate: GateSpec | undefined;
}

/** The newest workspace of this checkout, branch and gate; created the first time, unless a concurrent run did. */
const workspaceFor = async (context: Context, wanted: Wanted, tries = MOST_NAMES): Promise<Workspace> => {
  const { client } = context;
  const all: Workspace[] = [];
  for await (const workspace of allWorkspaces(client)) all.push(workspace);
  const configured = newestOf(all.filter((one) => suits(one, { ...wanted, gate: undefined })));
  // A run with a gate of its own is set up, limited and connected like any other.
  const settings = settingsOf(wanted.gate === undefined ? undefined : configured);
  const isAlike = (one: Workspace): boolean =>
    wanted.gate === undefined || isDeepStrictEqual(settingsOf(one), settings);
  const newest = newestOf(all.filter((one) => suits(one, wanted) && isAlike(one)));
  if (newest !== undefined) return newest;
  try {
    return await newWorkspace(client, { ...wanted, settings }, all);
  } catch (error) {
    if (tries <= 1 || !isBerthError(error) || error.code !== 'record.exists') throw error;
    return workspaceFor(context, wanted, tries - 1);
  }
};

const newestOf = (all: readonly Workspace[]): Workspace | undefined =>
  all.toSorted((one, other) => other.createdAt - one.createdAt)[0];

type Settings = Pick<Workspace, 'setup' | 'egress' | 'limits' | 'image'>;

const settingsOf = (workspace: Settings | undefined): Settings => ({
  setup: workspace?.setup,
  egress: workspace?.egress,
  limits: workspace?.limits,
  image: workspace?.image,
});

const newWorkspace = (
  client: Client,
  wanted: Wanted & { readonly settings: Settings },
  all: readonly Workspace[],
): Promise<Workspace> => {
  const names = new Set(all.map(({ name }) => name));
  const base =
    basename(wanted.source, '.git')
      .replace(/[^a-zA-Z0-9._-]/g, '-')
      .replace(/^[^a-zA-Z0-9_]+/, '')
      .slice(0, 50) || 'repo';
  const free = [base, ...Array.from({ length: MOST_NAMES }, (_, index) => `${base}-${index + 2}`)];
  const { source, branch, driver, gate, settings } = wanted;
  return client.workspaces.create({
    name: free.find((name) => !names.has(name)),
    repositories: [{ name: base, source, branch }],
    driver,
    ...settings,
    ...(gate === undefined ? {} : { gate }),
  });
};

/**
 * Without `--gate`, the gate is the one the workspace was added with, else the detected one; a `--gate` applies only
 * to the runs that name it.
 */
const suits = ({ repositories, driver, gate }: Workspace, wanted: Wanted): boolean => {
  const [only, ...others] = repositories;
  if (only === undefined || others.length > 0 || only.source !== wanted.source) return false;
  if (wanted.gate === undefined ? isOfRun(gate) : !isDeepStrictEqual(wanted.gate, gate)) return false;
  return (wanted.branch ?? only.branch) === only.branch && driver === wanted.driver;
};

/** As created by `--gate`. */
const isOfRun = (gate: GateSpec | undefined): boolean =>
  gate !== undefined && isDeepStrictEqual(gate, gateOf(gate.commands?.map(({ run }) => run)));

interface Landed {
  readonly source: string;
  readonly workspace: Workspace;
  readonly change: Change;
}

/** Fetches landed work into the user's checkout and prints how to merge it; no branch there is moved. */
const bringHome = async (
  { world, output }: Context,
  { source, workspace, change }: Landed,
): Promise<void> => {
  const [part] = change.parts;
  const hubPath = workspace.repositories.find(({ name }) => name === part?.repository)?.hubPath;
  if (part?.merge === undefined || part.base === undefined)
    throw fail('record.missing', { noun: 'landed commit', id: change.id });
  const { target: branch, base, merge } = part;
  if (hubPath === undefined) return output.line(`landed on ${branch} of the server: ${merge}`);
  const { stat, next } = await fetchLanded(world, { source, hubPath, branch, base, merge });
  if (output.isJson) return output.json({ landed: { branch, base, commit: merge, next } });
  output.line('');
  output.text(stat.trimEnd());
  output.line('');
  output.line(`ready: ${next}`);
};
