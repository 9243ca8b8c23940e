/** The updates of `session/update`, parsed leniently: agents differ and a bad update must not end a turn. */
import { z } from 'zod';

const text = z.object({ type: z.literal('text'), text: z.string() });
const content = z.union([text, z.object({ type: z.string() })]);

const toolContent = z.union([
  z.object({ type: z.literal('content'), content }),
  z.object({ type: z.literal('diff'), path: z.string() }),
  z.object({ type: z.string() }),
]);

const printed = z.object({ data: z.string() }).optional().catch(undefined);

export const ToolUpdate = z.object({
  toolCallId: z.string(),
  title: z.string().nullish(),
  kind: z.string().nullish(),
  status: z.string().nullish(),
  content: z.array(toolContent).nullish(),
  locations: z.array(z.object({ path: z.string() })).nullish(),
  rawInput: z.unknown().optional(),
  /** The raw output of a command in the agent's own terminal: not part of the protocol, but the only source. */
  _meta: z.object({ terminal_output: printed, terminal_output_delta: printed }).nullish().catch(undefined),
});
export type ToolUpdate = z.infer<typeof ToolUpdate>;

const chunk = { content, messageId: z.string().nullish() };

export const Update = z.discriminatedUnion('sessionUpdate', [
  z.object({ sessionUpdate: z.literal('agent_message_chunk'), ...chunk }),
  z.object({ sessionUpdate: z.literal('agent_thought_chunk'), ...chunk }),
  ToolUpdate.extend({ sessionUpdate: z.enum(['tool_call', 'tool_call_update']) }),
  z.object({
    sessionUpdate: z.literal('plan'),
    entries: z.array(z.object({ content: z.string(), status: z.string() })),
  }),
]);
export type Update = z.infer<typeof Update>;

const Notification = z.object({ sessionId: z.string(), update: Update });

/** Undefined for kinds unrelated to the work (available commands, usage, titles). */
export const readUpdate = (params: unknown): z.infer<typeof Notification> | undefined =>
  Notification.safeParse(params).data;
