/**
 * The user that commands are. The guest is another one, so that the kernel keeps commands from ending, tracing, reading
 * or imitating it. What it does on their behalf, it does with their rights: a path that a request names can then lead
 * nowhere that a command could not go by itself, whatever links are planted on the way.
 *
 * The guest is root of the machine without the rights to other users' files, so whatever is forgotten here fails.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { chownSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { starterBegan, systemBegan } from './exec/begin.ts';
import { STARTER_STATUS, writeStarter } from './exec/starter.ts';

export interface CommandUser {
  /** Absent: commands are the same user as the guest. */
  readonly uid: number | undefined;
  /** With the rights of commands and no others. The act must be over when it returns: the whole process changes user. */
  as<T>(act: () => T): T;
  /** What is started within is killed before the guest when the machine's memory ends. */
  starting<T>(act: () => T): T;
  /** The argument vector that becomes this one as that user, where a process is made without `spawn`. */
  argv(program: Program): readonly string[];
  /** As that user, in a folder that it may enter. Of `stdio` what follows the first three is one further. */
  spawn(program: Program, options: Options): Spawned;
  /** Makes a file or folder of the guest's theirs; its group stays unless one is said. */
  give(path: string, group?: number): void;
}

/** What is executed, and the whole argument vector that it sees. */
export interface Program {
  readonly path: string;
  readonly argv: readonly string[];
}

export interface Options extends SpawnOptions {
  readonly cwd: string;
  readonly stdio: ('ignore' | 'pipe')[];
}

export interface Spawned {
  /** Without a number when there is none. */
  readonly child: ChildProcess;
  /** Rejects with the system's error when it does not take on the program. */
  readonly begun: Promise<void>;
}

/** `state`: a folder that is the guest's alone. */
export const createUser = (uid: number | undefined, state: string): CommandUser => {
  const starter = uid === undefined ? undefined : writeStarter(state, uid);
  const argvOf = ({ path, argv }: Program): readonly string[] =>
    starter === undefined ? [path, ...argv.slice(1)] : [starter, path, ...argv];
  const as = uid === undefined ? <T>(act: () => T): T => act() : actAs(uid);
  const starting = uid === undefined ? <T>(act: () => T): T => act() : createSacrifice();
  return {
    uid,
    as,
    starting,
    argv: argvOf,
    spawn: (program, { cwd, ...options }) => {
      const [file = '', ...args] = argvOf(program);
      if (starter === undefined) {
        const stdio = spread(options.stdio, 'ignore');
        const child = spawn(file, args, { ...options, cwd, stdio, argv0: program.argv[0] });
        return { child, begun: systemBegan(child) };
      }
      const whole = { ...options, stdio: spread(options.stdio, 'pipe') };
      const child = starting(() => {
        const first = spawn(file, args, { ...whole, cwd });
        if (first.pid !== undefined) return first;
        first.once('error', () => undefined); // The second try says why not.
        return within(as, cwd, () => spawn(file, args, whole));
      });
      return { child, begun: starterBegan(child, () => as(() => child.kill('SIGKILL'))) };
    },
    give: (path, group = -1) => {
      if (uid !== undefined && statSync(path).uid !== uid) chownSync(path, uid, group);
    },
  };
};

/** With the starter's place in between; for a command alone it stays out of it. */
const spread = (stdio: Options['stdio'], place: 'ignore' | 'pipe'): Options['stdio'] =>
  place === 'ignore' && stdio.length === STARTER_STATUS
    ? stdio
    : [...stdio.slice(0, STARTER_STATUS), place, ...stdio.slice(STARTER_STATUS)];

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

/** A new process enters its folder before it becomes its user; where only that user may enter, it begins inside. */
const within = <T>(as: CommandUser['as'], folder: string, act: () => T): T => {
  as(() => process.chdir(folder));
  try {
    return act();
  } finally {
    process.chdir('/');
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
