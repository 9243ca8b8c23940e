/** Any ACP agent: the facts about one kind are its profile (`../profiles`), everything else is here. */
import { fail, isBerthError } from '@berth/contract';
import { type Agent, type AgentHost, type AgentPlugin, defineAgent, type Files } from '@berth/plugin-api';
import { z } from 'zod';
import { type AcpProfile, locate } from '../profiles/profile.ts';
import { systemTimers, type Timers } from './end-process.ts';
import { runTurn } from './turn.ts';

const Config = z.strictObject({
  toolMs: z.int().min(1000).optional().describe('Timeout of one tool call. Default: 30 minutes.'),
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

/** Writes configuration files of an agent, only when they differ: an agent may watch its own files. */
const writeChanged = async (files: Files, wanted: Readonly<Record<string, string>>): Promise<void> => {
  for (const [path, text] of Object.entries(wanted)) {
    const bytes = Buffer.from(text);
    if (!bytes.equals(await readOrEmpty(files, path))) await files.write(path, bytes, 0o600);
  }
};

const readOrEmpty = async (files: Files, path: string): Promise<Uint8Array> => {
  try {
    return await files.read(path);
  } catch (error) {
    if (isBerthError(error) && error.code === 'file.missing') return new Uint8Array(0);
    throw error;
  }
};
