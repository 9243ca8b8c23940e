/** Opens a conversation: resumes the previous one where the agent can, else starts a new one and reports it. */
import type { ClientContext, InitializeResponse } from '@agentclientprotocol/sdk';
import type { Json } from '@berth/plugin-api';
import { z } from 'zod';

export interface Opened {
  readonly sessionId: string;
  /** False when a previous conversation was requested and could not be continued. */
  readonly continued: boolean;
  readonly modes: readonly string[];
}

/** What a turn returns as `session`. */
const Kept = z.object({ sessionId: z.string() });

export const keptSession = (sessionId: string): Json => ({ sessionId });

export const openSession = async (
  agent: ClientContext,
  hello: InitializeResponse,
  asked: { readonly cwd: string; readonly session?: Json | undefined },
): Promise<Opened> => {
  const older = Kept.safeParse(asked.session).data;
  if (older !== undefined) {
    const continued = await continueSession(agent, hello, { cwd: asked.cwd, sessionId: older.sessionId });
    if (continued !== undefined) return continued;
  }
  const fresh = await agent.request('session/new', { cwd: asked.cwd, mcpServers: [] });
  return { sessionId: fresh.sessionId, continued: asked.session === undefined, modes: modesOf(fresh) };
};

/** Resuming is preferred to loading: it does not replay the whole history. */
const continueSession = async (
  agent: ClientContext,
  { agentCapabilities }: InitializeResponse,
  asked: { readonly cwd: string; readonly sessionId: string },
): Promise<Opened | undefined> => {
  const params = { ...asked, mcpServers: [] };
  try {
    if (agentCapabilities?.sessionCapabilities?.resume != null)
      return opened(asked.sessionId, await agent.request('session/resume', params));
    if (agentCapabilities?.loadSession === true)
      return opened(asked.sessionId, await agent.request('session/load', params));
  } catch {
    // Forgotten or damaged on the agent's side: start a new conversation, and report it in the turn.
    return undefined;
  }
  return undefined;
};

const opened = (sessionId: string, response: WithModes): Opened => ({
  sessionId,
  continued: true,
  modes: modesOf(response),
});

interface WithModes {
  readonly modes?: { readonly availableModes: readonly { readonly id: string }[] } | null;
}

const modesOf = ({ modes }: WithModes): readonly string[] =>
  modes?.availableModes.map((mode) => mode.id) ?? [];
