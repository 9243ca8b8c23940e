/** Any ACP agent: the facts about one kind are its profile (`../profiles`), everything else is here. */

import { fail } from '@berth/contract';
import { type Agent, type AgentHost, type AgentPlugin, defineAgent } from '@berth/plugin-api';
import { z } from 'zod';
import type { AcpProfile } from '../profiles/profile.ts';
import { locate } from '../profiles/programs.ts';
import { systemTimers, type Timers } from './timers.ts';
import { runTurn } from './turn.ts';
import { writeChanged } from './write-changed.ts';

const Config = z.strictObject({
  toolMs: z.int().min(1000).optional().describe('How long one tool call may take; 30 minutes when absent.'),
  env: z.record(z.string(), z.string()).optional().describe("Added to the agent's environment."),
});

const TOOL_MS = 30 * 60_000;

export const acpPlugin = (profile: AcpProfile): AgentPlugin<typeof Config> =>
  defineAgent({
    name: profile.name,
    config: Config,
    needsModel: true,
    wires: profile.wires,
    memoryBytes: profile.memoryBytes,
    open: (config, host) => createAcpAgent({ profile, config, host, timers: systemTimers }),
  });

const howToInstall = ({ package: name }: AcpProfile): string =>
  `install the npm package ${name} (npm install --global ${name})`;

export const createAcpAgent = (deps: {
  readonly profile: AcpProfile;
  readonly config: z.infer<typeof Config>;
  readonly host: AgentHost;
  readonly timers: Timers;
}): Agent => {
  const { profile, config, host, timers } = deps;
  return {
    async probe() {
      const program = locate(profile, host);
      if (program === undefined) return { available: false, detail: howToInstall(profile), tools: [] };
      return { available: true, detail: program.source, tools: program.tools };
    },
    async turn(input, world) {
      const program = locate(profile, host);
      if (program === undefined)
        throw fail('agent.absent', { agent: profile.name, detail: howToInstall(profile) });
      if (world.model === undefined || !profile.wires.includes(world.model.wire))
        throw fail('model.unconfigured', { provider: profile.wires.join(' or ') });
      const launch = profile.launch({ model: world.model, home: world.sandbox.home, cwd: input.cwd });
      await writeChanged(world.sandbox.files, launch.files);
      return runTurn({
        agent: profile.name,
        argv: [...program.command(world.toolPath), ...launch.args],
        env: { ...launch.env, ...config.env },
        mode: profile.mode,
        isFailure: profile.isFailure,
        toolMs: config.toolMs ?? TOOL_MS,
        input,
        world,
        timers,
      });
    },
  };
};
