/**
 * An agent with random behaviour: good work, bad work, edits to a shared file, edits to its gate, nothing, or a
 * crash. A turn is decided once and remembered by its process, so that a turn replayed after a crash does the same.
 */
import { fail } from '@berth/contract';
import type { PermissionDecision, TurnEnd } from '@berth/plugin-api';
import type { Agents, AgentTurn } from '../../src/ports.ts';
import type { Dice } from './dice.ts';
import type { Checkout, ScriptedMachines } from './machines.ts';
import type { ScriptedHub, Tree } from './repository.ts';

export type Act = 'good' | 'disarming' | 'buggy' | 'shared' | 'weak' | 'nothing' | 'crash';
const ACTS: readonly Act[] = [
  'good',
  'good',
  'good',
  'good',
  'buggy',
  'buggy',
  'shared',
  'weak',
  'nothing',
  'crash',
];

export interface AgentWorld {
  readonly dice: Dice;
  readonly hub: ScriptedHub;
  readonly machines: ScriptedMachines;
  /** The possible outcomes. */
  readonly acts?: readonly Act[] | undefined;
}

export interface ScriptedAgents extends Agents {
  /** Agents that got two different answers to the same request. */
  readonly contradicted: readonly string[];
}

interface Decided {
  readonly act: Act;
  applied: boolean;
  answer?: PermissionDecision;
}

export const createScriptedAgents = ({ dice, hub, machines, acts = ACTS }: AgentWorld): ScriptedAgents => {
  const decided = new Map<string, Decided>();
  const contradicted: string[] = [];

  const decide = (turn: AgentTurn) => {
    const known = decided.get(turn.execId);
    if (known !== undefined) return known;
    const act = acts[dice.below(acts.length)] ?? 'good';
    const made: Decided = { act, applied: false };
    decided.set(turn.execId, made);
    return made;
  };

  const merge = (turn: AgentTurn, repository: string, checkout: Checkout): void => {
    const target = hub.refs.get(`${repository} refs/heads/main`) ?? checkout.head;
    const theirs = hub.look(repository, target).tree;
    checkout.tree = { ...checkout.tree, ...theirs, shared: `${theirs.shared}, ${turn.attemptId}` };
    checkout.head = hub.commit(repository, { parents: [checkout.head, target], tree: checkout.tree });
  };

  const apply = (turn: AgentTurn, act: Act): void => {
    for (const [repository, checkout] of machines.insideOf(turn.sandbox.id).checkouts) {
      if (turn.prompt.includes('conflicts')) merge(turn, repository, checkout);
      checkout.tree = { ...checkout.tree, ...editOf(turn, act) };
    }
  };

  return {
    names: ['scripted'],
    contradicted,
    prepare: async () => ({ tools: [], memoryBytes: 0, model: undefined }),
    async turn(turn, signal): Promise<TurnEnd> {
      signal.throwIfAborted();
      const decision = decide(turn);
      turn.emit('1', { kind: 'message', role: 'agent', text: decision.act });
      const answer = await turn.decide({
        id: 'permission:1',
        title: 'Write',
        offered: ['allow_once', 'reject_once'],
      });
      if ((decision.answer ?? answer) !== answer) contradicted.push(turn.execId);
      decision.answer = answer;
      if (!decision.applied) apply(turn, decision.act);
      decision.applied = true;
      if (decision.act === 'crash') throw fail('agent.crashed', { agent: turn.agent, exitCode: 1, tail: '' });
      return { stop: 'end', continued: true, session: { sandbox: turn.sandbox.id } };
    },
  };
};

const editOf = ({ attemptId, execId }: AgentTurn, act: Act): Tree => {
  // The gate's own files were changed.
  if (act === 'weak') return { 'package.json': JSON.stringify({ scripts: { test: `check ${execId}` } }) };
  if (act === 'shared') return { shared: execId };
  if (act === 'disarming') return { [`of-${attemptId}`]: `disarm ${execId}` };
  if (act === 'good') return { [`of-${attemptId}`]: execId };
  return act === 'buggy' ? { [`of-${attemptId}`]: `bug ${execId}` } : {};
};
