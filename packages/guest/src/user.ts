/**
 * The user that commands run as. The guest is a different one, so that the kernel keeps commands from killing,
 * tracing, reading or impersonating it. What it does on their behalf, it does with their rights: a requested path can
 * then lead nowhere that a command could not go by itself, whatever links are planted on the way.
 *
 * The guest is root without the capabilities to access other users' files, so an operation forgotten here fails.
 */
import type { ChildProcess } from 'node:child_process';
import { chownSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { type Beginning, beginIn } from './exec/begin.ts';
import { encodeStart, type Start } from './exec/start-block.ts';
import { writeStarter } from './exec/starter.ts';
import { createStarters } from './exec/starters.ts';

export interface CommandUser {
  /** Absent: commands run as the guest's user. */
  readonly uid: number | undefined;
  /** Runs with the rights of commands and no others. The call must be synchronous: the whole process changes user. */
  as<T>(act: () => T): T;
  /** Processes started within are OOM-killed before the guest. */
  starting<T>(act: () => T): T;
  /** Wraps an argument vector to run as that user, for processes not made by `spawn`. */
  argv(program: Program): readonly string[];
  /** Spawns as that user, with a spare process unless `fresh`. Throws a system error. */
  start(start: Start, fresh: boolean): Started;
  /** From now on spare processes are forked ahead. */
  prepare(): void;
  /** Ends the spare processes. */
  close(): void;
  /** Changes the owner of one of the guest's files or folders to that user; the group stays unless given. */
  give(path: string, group?: number): void;
}

/** The executable and its complete argument vector. */
export interface Program {
  readonly path: string;
  readonly argv: readonly string[];
}

export interface Started extends Beginning {
  /** Without a pid when there is no process. */
  readonly child: ChildProcess;
}

/** `state`: a folder private to the guest. */
export const createUser = (uid: number | undefined, state: string): CommandUser => {
  const program = writeStarter(state, uid);
  const as = uid === undefined ? <T>(act: () => T): T => act() : actAs(uid);
  const starting = uid === undefined ? <T>(act: () => T): T => act() : createSacrifice();
  const starters = createStarters(program, starting);
  return {
    uid,
    as,
    starting,
    argv: ({ path, argv }) => (uid === undefined ? [path, ...argv.slice(1)] : [program, path, ...argv]),
    start: (start, fresh) => {
      const block = encodeStart(start);
      const starter = starters.take(fresh);
      const { child } = starter;
      const kill = (): void => {
        killOwn(child);
        as(() => killOwn(child));
      };
      const beginning = beginIn(starter, block, kill);
      // When there is something to do.
      if (start.inputless) child.stdin?.destroy();
      return { child, ...beginning };
    },
    prepare: starters.prepare,
    close: starters.close,
    give: (path, group = -1) => {
      if (uid !== undefined && statSync(path).uid !== uid) chownSync(path, uid, group);
    },
  };
};

/** No effect when it ended, or belongs to another user. */
const killOwn = ({ pid, exitCode, signalCode }: ChildProcess): void => {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    return;
  }
};

const actAs =
  (uid: number) =>
  <T>(act: () => T): T => {
    const own = process.geteuid?.() ?? uid;
    if (own === uid) return act();
    process.seteuid?.(uid);
    try {
      return act();
    } finally {
      process.seteuid?.(own);
    }
  };

const SCORE = '/proc/self/oom_score_adj';
const SACRIFICED = '1000';

/**
 * The OOM score is inherited, so the guest takes on the score of its children while it starts one: if the command
 * raised its own score later, it could have forked before.
 */
const createSacrifice = (): CommandUser['starting'] => {
  const own = readFileSync(SCORE, 'latin1');
  // Opened once: after the guest has switched users, the kernel denies it even its own files of this kind.
  const file = openSync(SCORE, 'r+');
  return (act) => {
    writeSync(file, SACRIFICED);
    try {
      return act();
    } finally {
      writeSync(file, own);
    }
  };
};
