/** The doctor actually tries everything an installation needs: git, Node, the kernel, drivers, agents, models. */
import { release } from 'node:os';
import type { Check } from '@berth/contract';
import type { Trouble, Troubles } from '@berth/core';
import type { AgentFacts } from '../agents/agents.ts';
import type { Git } from '../git/git.ts';
import type { Drivers } from '../machines/drivers.ts';
import { sqliteVersion } from '../store/sqlite-connection.ts';
import { gitCheck, kernelCheck, nodeCheck, sqliteCheck } from './versions.ts';

export interface DoctorParts {
  readonly drivers: Pick<Drivers, 'describe' | 'findDefault'>;
  readonly git: Git;
  readonly agents: { describe(): Promise<AgentFacts[]> };
  readonly defaultAgent: string;
  readonly modelProviders: readonly string[];
  readonly troubles: Pick<Troubles, 'list'>;
}

export const examine = async (parts: DoctorParts): Promise<Check[]> => [
  await gitCheck(parts.git),
  nodeCheck(process.versions.node),
  kernelCheck(release()),
  sqliteCheck(sqliteVersion()),
  ...(await driverChecks(parts)),
  ...(await agentChecks(parts)),
  modelCheck(parts.modelProviders),
  troublesCheck(parts.troubles.list()),
];

/** A driver that nobody selected may be absent; that is not a problem. */
const driverChecks = async ({ drivers }: DoctorParts): Promise<Check[]> => {
  const described = await drivers.describe();
  const { reason } = await drivers.findDefault();
  return described.map(({ name, health, detail, isolation, isDefault }) => ({
    name: `driver ${name}`,
    ok: health !== 'absent' || !isDefault,
    detail: `${isDefault ? `default (${reason}), ` : ''}isolation ${isolation}, ${health}: ${detail}`,
    ...(health === 'absent' && isDefault ? { hint: detail } : {}),
  }));
};

const agentChecks = async ({ agents, defaultAgent }: DoctorParts): Promise<Check[]> =>
  (await agents.describe()).map(({ name, available, detail }) => ({
    name: `agent ${name}`,
    ok: available || name !== defaultAgent,
    detail:
      name === defaultAgent ? `default: ${detail}` : available ? detail : `optional, not here: ${detail}`,
    ...(available || name !== defaultAgent ? {} : { hint: detail }),
  }));

const SHOWN_TROUBLES = 5;

const troublesCheck = (troubles: readonly Trouble[]): Check => {
  if (troubles.length === 0) return { name: 'troubles', ok: true, detail: 'nothing waits to be tried again' };
  const shown = troubles.slice(0, SHOWN_TROUBLES).map(({ subject, detail }) => `${subject}: ${detail}`);
  const rest = troubles.length > shown.length ? `; and ${troubles.length - shown.length} more` : '';
  return {
    name: 'troubles',
    ok: false,
    detail: `${shown.join('; ')}${rest}`,
    hint: 'Each is tried again by itself. Remove what stands in its way; the log has the details.',
  };
};

const modelCheck = (providers: readonly string[]): Check => ({
  name: 'models',
  ok: providers.length > 0,
  detail: providers.length > 0 ? `providers: ${providers.join(', ')}` : 'no model provider is configured',
  ...(providers.length > 0
    ? {}
    : { hint: 'Set ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY for the server.' }),
});
