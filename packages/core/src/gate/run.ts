/**
 * Runs a gate's commands in a sandbox and keeps the evidence. All commands run, even after one fails, so that
 * the agent that has to fix it sees everything at once. A sandbox that cannot run them yields no verdict; the
 * caller records `broken`, which counts as not passed.
 */
import { type Evidence, fail, isGreen, type JudgedBy } from '@berth/contract';
import type { Sandbox } from '@berth/plugin-api';
import { tailOfBoth } from '../kernel/index.ts';
import type { Judge } from './judge.ts';
import type { PlannedCommand } from './plan/plan.ts';

const MAX_OUTPUT_BYTES = 1024 * 1024;

interface GateExecution {
  readonly sandbox: Sandbox;
  readonly commands: readonly PlannedCommand[];
  readonly judgedBy: JudgedBy;
  /** The exec id of a command; stable when the gate run is resumed, so that nothing runs twice. */
  readonly execId: (command: PlannedCommand, index: number) => string;
  readonly judge: Judge;
  readonly signal: AbortSignal;
}

export const runGate = async (gate: GateExecution): Promise<Evidence[]> => {
  const evidence: Evidence[] = [];
  for (const [index, command] of gate.commands.entries()) {
    gate.signal.throwIfAborted();
    evidence.push(await runCommand(gate, command, index));
  }
  return evidence;
};

const runCommand = async (gate: GateExecution, command: PlannedCommand, index: number): Promise<Evidence> => {
  const { sandbox, judge, signal } = gate;
  const ended = await sandbox.run(
    {
      id: gate.execId(command, index),
      argv: ['/bin/sh', '-c', command.run],
      cwd: `${sandbox.root}/${command.repository}`,
      env: { CI: '1' },
      timeoutMs: command.timeoutMs,
      maxOutputBytes: MAX_OUTPUT_BYTES,
      contained: true,
    },
    signal,
  );
  const output = `${ended.stdout}\n${ended.stderr}`;
  const printed = await judge.testsIn(output, signal);
  // Not a verdict either way: failed tests may be printed there.
  if (printed === undefined) throw fail('gate.unreadable', { command: command.name });
  const { run: tests, failed } = printed;
  const passed = ended.truncated ? undefined : printed.passed;
  return {
    name: command.name,
    repository: command.repository,
    command: command.run,
    judgedBy: gate.judgedBy,
    ...(tests === undefined ? {} : { tests }),
    ...(failed === 0 ? {} : { testsFailed: failed }),
    ...(passed === undefined ? {} : { testsPassed: passed }),
    exitCode: ended.exitCode,
    timedOut: ended.timedOut,
    outOfMemory: ended.outOfMemory,
    durationMs: ended.durationMs,
    logTail: tailOfBoth(ended.stdout, ended.stderr),
  };
};

/** Names of everything that is not green; empty means passed. Missing evidence is not a pass. */
export const failedIn = (evidence: readonly Evidence[]): string[] =>
  evidence.length === 0 ? ['no evidence'] : evidence.filter((one) => !isGreen(one)).map((one) => one.name);

const NOT_FOUND = 127;

/**
 * The programs that the shell did not find, if nothing else failed: no work by an agent can change that. A
 * program that is found but lacks something (a test runner that is not installed) is a different case.
 */
export const missingTools = (evidence: readonly Evidence[]): string[] => {
  const red = evidence.filter((one) => !isGreen(one));
  const missing = red.flatMap(({ exitCode, command, logTail }) => {
    const tool = programOf(command)?.name;
    const isMissing =
      exitCode === NOT_FOUND && logTail.includes(`: ${tool}: `) && logTail.includes('not found');
    return tool !== undefined && isMissing ? [tool] : [];
  });
  return missing.length === red.length ? [...new Set(missing)] : [];
};

/** The program that a gate's shell line starts with, after any variable assignments. */
interface Program {
  readonly name: string;
  /** In shell syntax: `PATH="$PWD/.venv/bin:$PATH"`; empty if there are none. */
  readonly environment: string;
}

const ASSIGNMENT = /[A-Za-z_]\w*=(?:"[^"]*"|'[^']*'|[^\s"';|&()<>])* +/y;
const NAME = /([\w.+-]+)(?: |$)/y;

/** Undefined if the line does not start with a program. */
export const programOf = (line: string): Program | undefined => {
  const start = endOfAssignments(line);
  NAME.lastIndex = start;
  const name = NAME.exec(line)?.[1];
  return name === undefined ? undefined : { name, environment: line.slice(0, start).trim() };
};

const endOfAssignments = (line: string): number => {
  let end = 0;
  for (ASSIGNMENT.lastIndex = 0; ASSIGNMENT.test(line); ) end = ASSIGNMENT.lastIndex;
  return end;
};
