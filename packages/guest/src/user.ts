/**
 * The user that commands are. The guest is another one, so that the kernel keeps commands from ending, tracing, reading
 * or imitating it. What it does on their behalf, it does with their rights: a path that a request names can then lead
 * nowhere that a command could not go by itself, whatever links are planted on the way.
 *
 * The guest is root of the machine without the rights to other users' files, so whatever is forgotten here fails.
 */
import type { ChildProcess } from 'node:child_process';
import { chownSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { type Beginning, tellStarter } from './exec/begin.ts';
import { encodeStart, type Start } from './exec/start-block.ts';
import { writeStarter } from './exec/starter.ts';
import { createStarters } from './exec/starters.ts';

export interface CommandUser {
  /** Absent: commands are the same user as the guest. */
  readonly uid: number | undefined;
  /** With the rights of commands and no others. The act must be over when it returns: the whole process changes user. */
  as<T>(act: () => T): T;
  /** What is started within is killed before the guest when the machine's memory ends. */
  starting<T>(act: () => T): T;
  /** The argument vector that becomes this one as that user, where a process is made without `spawn`. */
  argv(program: Program): readonly string[];
  /** As that user. By a process that was made ahead, unless it shall be a `fresh` one. Throws a system error. */
  start(start: Start, fresh: boolean): Started;
  /** From now on processes are made ahead. */
  prepare(): void;
  /** Ends those that wait. */
  close(): void;
  /** Makes a file or folder of the guest's theirs; its group stays unless one is said. */
  give(path: string, group?: number): void;
}

/** What is executed, and the whole argument vector that it sees. */
export interface Program {
  readonly path: string;
  readonly argv: readonly string[];
}

export interface Started extends Beginning {
  /** Without a number when there is none. */
  readonly child: ChildProcess;
}

/** `state`: a folder that is the guest's alone. */
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
      const beginning = tellStarter(starter, block, kill);
      // After it has something to do.
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

/** Nothing when it ended, or is another user's. */
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
 * What a process is worth when memory ends is inherited, so the guest takes on the value of its children while it starts
 * one: a command that raised it later could have started another before.
 */
const createSacrifice = (): CommandUser['starting'] => {
  const own = readFileSync(SCORE, 'latin1');
  // Opened once: when the guest has acted as another, the kernel keeps even its own files of this kind from it.
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
