/** The installation itself: health, metrics, capabilities, diagnosis. */
import { z } from 'zod';
import { route } from './kernel/route.ts';
import { Isolation } from './sandbox.ts';

export const Check = z
  .object({
    name: z.string(),
    ok: z.boolean(),
    detail: z.string(),
    /** How to fix it. */ hint: z.string().optional(),
  })
  .meta({ id: 'Check' });
export type Check = z.infer<typeof Check>;

export const Health = z
  .object({
    status: z.enum(['ok', 'degraded']),
    version: z.string(),
    uptimeMs: z.number(),
    defaultDriver: z.string(),
    address: z.string(),
    sandboxes: z.int(),
    tasks: z.int(),
    checks: z.array(Check),
  })
  .meta({ id: 'Health' });

export const Stats = z
  .object({
    sandboxes: z.record(z.string(), z.int()),
    tasks: z.record(z.string(), z.int()),
    changes: z.record(z.string(), z.int()),
    jobs: z.record(z.string(), z.int()),
    /** Why sandboxes that name no driver are made by `defaultDriver`. */
    defaultDriverReason: z.string(),
    lastSeq: z.int(),
    eventClients: z.int(),
    memoryBytes: z.int(),
  })
  .meta({ id: 'Stats' });

export const DriverInfo = z
  .object({
    name: z.string(),
    health: z.enum(['ready', 'degraded', 'absent']),
    detail: z.string(),
    isolation: Isolation,
    facets: z.array(z.string()),
    isDefault: z.boolean(),
  })
  .meta({ id: 'DriverInfo' });

export const AgentInfo = z
  .object({ name: z.string(), available: z.boolean(), detail: z.string() })
  .meta({ id: 'AgentInfo' });

export const systemRoutes = [
  route({
    id: 'system.health',
    method: 'GET',
    path: '/health',
    returns: Health,
    role: 'public',
    errors: [],
    summary: 'Show the health of the server',
  }),
  route({
    id: 'system.ready',
    method: 'GET',
    path: '/health/ready',
    returns: z.object({ ready: z.boolean(), checks: z.array(Check) }),
    role: 'public',
    errors: ['server.not_ready'],
    summary: 'Readiness: 200 when the server accepts work, else 503',
  }),
  route({
    id: 'system.live',
    method: 'GET',
    path: '/health/live',
    returns: z.object({ live: z.literal(true) }),
    role: 'public',
    errors: [],
    summary: 'Liveness: the process answers',
  }),
  route({
    id: 'system.stats',
    method: 'GET',
    path: '/stats',
    returns: Stats,
    role: 'viewer',
    errors: [],
    summary: 'Show counts by state',
  }),
  route({
    id: 'system.metrics',
    method: 'GET',
    path: '/metrics',
    returns: z.unknown(),
    answers: 'text',
    role: 'viewer',
    errors: [],
    summary: 'Prometheus metrics',
  }),
  route({
    id: 'system.capabilities',
    method: 'GET',
    path: '/v1/system/capabilities',
    returns: z.object({
      drivers: z.array(DriverInfo),
      agents: z.array(AgentInfo),
      modelProviders: z.array(z.string()),
    }),
    role: 'viewer',
    errors: [],
    summary: 'Show the capabilities of this installation',
  }),
  route({
    id: 'system.doctor',
    method: 'GET',
    path: '/v1/system/doctor',
    returns: z.object({ checks: z.array(Check) }),
    role: 'viewer',
    errors: [],
    summary: 'Test every requirement and report what is missing',
  }),
  route({
    id: 'system.shutdown',
    method: 'POST',
    path: '/v1/system/shutdown',
    body: z.strictObject({
      removeSandboxes: z
        .boolean()
        .optional()
        .describe('Accept no more work, remove every sandbox, and answer when none is left.'),
    }),
    /** `pid` of the server process, which exits shortly after it stops answering. */
    returns: z.object({ stopping: z.literal(true), pid: z.int() }),
    status: 202,
    role: 'owner',
    errors: [],
    summary: 'Stop the server; running work resumes at its next start',
  }),
] as const;
