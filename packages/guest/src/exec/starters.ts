/**
 * Processes that become commands. To make one, the system copies the guest, which costs many times what it costs a process
 * to become a program. So a few are made ahead, while nothing is asked for; each is used once.
 *
 * Nothing of one command gets into another by them: a spare one has its own four pipes, an empty environment and no memory
 * but its program's, and until it is told what to become it is the guest's user, whom commands cannot reach.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { GUEST_LIMITS } from '@berth/contract/guest';
import { STARTER_CONTROL } from './starter.ts';

export interface Starter {
  /** Without a number when there is none. The head of a session of its own; its standard streams are pipes. */
  readonly child: ChildProcess;
  readonly isSpare: boolean;
}

export interface Starters {
  /** One that nobody else gets; a `fresh` one did not wait before. Throws a system error. */
  take(fresh: boolean): Starter;
  /** Makes the first spare one. */
  prepare(): void;
  /** Lets the spare ones go, and makes none any more. */
  close(): void;
}

/** `starting`: what is started within has the value of a command when memory ends. */
export const createStarters = (program: string, starting: <T>(act: () => T) => T): Starters => {
  const spares = new Set<ChildProcess>();
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const make = (): ChildProcess => {
    const child = starting(() =>
      spawn(program, [], { cwd: '/', env: {}, detached: true, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] }),
    );
    // How it went is told by its pipes, or by there being no process.
    child.on('error', () => undefined);
    for (const pipe of child.stdio) pipe?.on('error', () => undefined);
    return child;
  };
  /** Not at once: while one is made, the guest does nothing else. */
  const prepareAfter = (ms: number): void => {
    clearTimeout(timer);
    if (!closed && spares.size < GUEST_LIMITS.spareStarters) timer = setTimeout(prepare, ms).unref();
  };
  const prepare = (): void => {
    const child = tryTo(make);
    // Where there is no room for one now, the next command tries again.
    if (child?.pid === undefined) return;
    spares.add(child);
    child.once('exit', () => spares.delete(child));
    prepareAfter(GUEST_LIMITS.spareAfterStartMs);
  };
  return {
    prepare,
    take: (fresh) => {
      const spare = fresh ? undefined : spares.values().next().value;
      const child = spare ?? make();
      spares.delete(child);
      prepareAfter(GUEST_LIMITS.spareAfterStartMs);
      child.once('close', () => prepareAfter(GUEST_LIMITS.spareAfterEndMs));
      return { child, isSpare: spare !== undefined };
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
      for (const spare of spares) controlOf(spare)?.destroy();
    },
  };
};

const tryTo = <T>(act: () => T): T | undefined => {
  try {
    return act();
  } catch {
    return undefined;
  }
};

/** Absent when there is no process. */
export const controlOf = (child: ChildProcess): Duplex | undefined =>
  child.stdio[STARTER_CONTROL] as Duplex | undefined; // Node makes every pipe one both ways.
