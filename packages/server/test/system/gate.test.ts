/** What the gate is run from and what its failures lead to, with the scripted agent and real sandboxes. */
import { dataOf, type Event } from '@berth/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { git, hubOf, makeRepository } from './repository.ts';
import { createWorld, type SystemWorld } from './server.ts';
import { COMPLETED, conversationOf, endOf, messagesOf, runTask, steps } from './tasks.ts';

/** One list of steps per turn: what the agent does when it hears that its change does not pass. */
const TURNS = [
  [{ write: { path: 'requirements.txt', content: 'half\n' } }],
  [{ write: { path: 'requirements.txt', content: 'whole\nmore\n' } }],
];

let world: SystemWorld;
beforeAll(async () => {
  world = await createWorld({
    config: { defaults: { keepAliveMs: 0, gate: 'minimal' }, agents: { scripted: { turns: TURNS } } },
  });
}, 60_000);
afterAll(async () => {
  await world?.end();
}, 60_000);

const setupsIn = (events: readonly Event[]): number =>
  events
    .map((event) => dataOf(event, 'attempt.progressed'))
    .filter((told) => told?.stage === 'setup' && told.durationMs === undefined).length;

test('the profile that the configuration names decides what is run where a workspace names none', async () => {
  const scripts = { test: 'node --test', lint: 'exit 1' };
  const source = makeRepository(world.folder, 'profiled', {
    'package.json': JSON.stringify({ name: 'profiled', scripts }),
    'ok.test.js': "require('node:test')('ok', () => {});\n",
  });
  const task = (gate?: { profile: 'standard' }) =>
    world.client.workspaces
      .create({ name: gate?.profile ?? 'own', repositories: [{ source }], setup: { commands: [] }, gate })
      .then(({ id }) =>
        runTask(world.client, {
          workspaceId: id,
          agent: 'scripted',
          maxRounds: 1,
          prompt: steps({ write: { path: 'NOTES.md', content: 'x\n' } }),
        }),
      );
  expect(endOf((await task()).task)).toEqual(COMPLETED);
  expect(endOf((await task({ profile: 'standard' })).task)).toMatchObject({ code: 'gate.red' });
}, 60_000);

test('a change that breaks the set-up goes back to the agent, and its repair is set up before the gate', async () => {
  const source = makeRepository(world.folder, 'listed', { 'requirements.txt': 'whole\n' });
  const workspace = await world.client.workspaces.create({
    repositories: [{ source }],
    setup: { commands: ['grep whole requirements.txt && cp requirements.txt .installed'] },
    gate: { commands: [{ name: 'installed', run: 'cmp requirements.txt .installed' }] },
  });
  const { task, events } = await runTask(world.client, {
    workspaceId: workspace.id,
    agent: 'scripted',
    prompt: 'Depend on more',
  });
  expect(endOf(task)).toEqual(COMPLETED);
  expect(git(hubOf(workspace), 'show', 'main:requirements.txt')).toBe('whole\nmore');
  const { items } = await conversationOf(world.client, task.id);
  const [, sentBack] = messagesOf(items, 'user');
  expect(sentBack).toContain('`grep whole requirements.txt && cp requirements.txt .installed` ended with');
  expect(sentBack).toContain('lock files');
  // For the start of the task, for the broken change, and for the repaired one.
  expect(setupsIn(events)).toBe(3);
}, 60_000);

test('what cannot be checked, and a tool that is not there, are told before an agent is paid', async () => {
  const bare = await world.client.workspaces.create({
    repositories: [{ source: makeRepository(world.folder, 'bare', { 'README.md': 'Nothing to check\n' }) }],
  });
  const wanted = { agent: 'scripted', prompt: 'Depend on more' };
  await expect(world.client.tasks.create({ ...wanted, workspaceId: bare.id })).rejects.toMatchObject({
    code: 'gate.empty',
  });
  const workspace = await world.client.workspaces.create({
    repositories: [{ source: makeRepository(world.folder, 'cobbled', { 'a.txt': 'a\n' }) }],
    setup: { commands: [] },
    gate: { commands: [{ name: 'cobble', run: 'cobble --all' }] },
  });
  const { task } = await runTask(world.client, { ...wanted, workspaceId: workspace.id });
  expect(endOf(task)).toEqual({
    state: 'failed',
    code: 'gate.tool_missing',
    message: 'The gate needs cobble, which the sandbox lacks.',
  });
  const { rows } = await world.client.tasks.attempts({ id: task.id });
  expect(rows.map(({ rounds, sessionId }) => ({ rounds, sessionId }))).toEqual([
    { rounds: 0, sessionId: undefined },
  ]);
}, 60_000);

test('a command cannot doctor the tools of the next one, and a target that is red already is told', async () => {
  const doctor = [
    'mkdir -p "$HOME/.local/bin" node_modules/.bin',
    'for at in "$HOME/.local/bin/node" node_modules/.bin/node; do printf "#!/bin/sh\\n" > $at; chmod +x $at; done',
    ': > check.js',
  ].join('; ');
  const workspace = await world.client.workspaces.create({
    repositories: [
      {
        source: makeRepository(world.folder, 'doctored', {
          'build.sh': 'true\n',
          'check.js': 'process.exit(3);\n',
        }),
      },
    ],
    setup: { commands: [] },
    gate: {
      weakened: 'allow',
      commands: [
        { name: 'build', run: 'sh build.sh' },
        // Longer than anybody would wait without knowing what for.
        { name: 'check', run: 'sleep 4; PATH="$PWD/node_modules/.bin:$HOME/.local/bin:$PATH" node check.js' },
      ],
    },
  });
  const { task, events } = await runTask(world.client, {
    workspaceId: workspace.id,
    agent: 'scripted',
    maxRounds: 1,
    prompt: steps({ write: { path: 'build.sh', content: `${doctor}\n` } }),
  });
  expect(endOf(task)).toMatchObject({ code: 'gate.red', message: 'The gate failed: check.' });
  const told = events.map((event) => dataOf(event, 'attempt.progressed'));
  expect(told.flatMap((one) => (one?.stage === 'target' ? [one.detail] : []))).toEqual([
    'red before any work: check',
  ]);
  // Before an agent is paid.
  const stages = told.flatMap((one) => (one === undefined ? [] : [one.stage]));
  expect(stages.indexOf('target gate')).toBeLessThan(stages.indexOf('target'));
  expect(stages.indexOf('target')).toBeLessThan(stages.indexOf('agent'));
  const known = { workspaceId: workspace.id, agent: 'scripted', prompt: steps({ fail: 'enough' }) };
  const { items } = await conversationOf(world.client, (await runTask(world.client, known)).task.id);
  expect(messagesOf(items, 'user')[0]).toContain('These checks fail already');
}, 120_000);

/** What a command would need in order to answer in the guest's name: stop it, take its sockets, listen in its place. */
const FORGERY = `
use Socket;
sub show { print "$_[0]: ", ($_[1] ? 'DONE' : $!{EPERM} ? 'refused' : $!{EACCES} ? 'refused' : "$!"), "\\n" }
for my $folder (glob '/proc/[0-9]*') {
  my $pid = 0 + substr $folder, 6;
  open my $f, '<', "$folder/cmdline"; next unless <$f> =~ /guest\\.cjs/;
  show('stop', kill('STOP', $pid));
  my $handle = syscall(434, $pid, 0);
  for my $number (10 .. 30) { show('take', syscall(438, $handle, $number, 0) >= 0) }
}
socket(my $guest, PF_UNIX, SOCK_STREAM, 0);
show('enter', connect($guest, pack_sockaddr_un('/run/berth/guest.sock')));
show('replace', unlink('/run/berth/guest.sock'));
show('write state', open(my $g, '>', '/run/berth/state/x'));
show('log', open(my $h, '>>', '/proc/1/fd/1'));
`;

test('a gate cannot be answered by what it runs: every step of the forgery is refused, and the change stays out', async () => {
  const check = 'do "./work.pl"; open F, "<", "work.pl"; exit(grep(/fine/, <F>) ? 0 : 1);';
  const source = makeRepository(world.folder, 'forged', { 'check.pl': check, 'work.pl': 'print "fine\n"' });
  const workspace = await world.client.workspaces.create({
    repositories: [{ source }],
    setup: { commands: [] },
    gate: { commands: [{ name: 'work', run: 'perl check.pl 2>&1' }] },
  });
  const write = `cat > work.pl <<'END'\n${FORGERY}\nEND`;
  const { task } = await runTask(world.client, {
    workspaceId: workspace.id,
    agent: 'command',
    prompt: write,
  });
  expect(endOf(task).state).toBe('failed');
  expect(git(hubOf(workspace), 'log', '--format=%s', 'main')).toBe('Begin');
  const { rows: changes } = await world.client.changes.list({ taskId: task.id });
  const { evidence } = await world.client.gates.get({ id: changes[0]?.gateRunId ?? '' });
  const said = (evidence[0]?.logTail ?? '').trim().split('\n');
  expect(said.length).toBeGreaterThan(25);
  expect(said.filter((line) => !line.endsWith(': refused'))).toEqual([]);
}, 60_000);
