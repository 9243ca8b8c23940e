/** Loads a plugin from a registry and checks its part of the configuration against the plugin's own schema. */
import { fail, issuesIn } from '@berth/contract';
import type { z } from 'zod';

export type Registry<P> = Readonly<Record<string, () => Promise<{ readonly default: P }>>>;

interface Configurable {
  readonly config: z.ZodType;
}

/** Rejects with `config.invalid`, giving each problem's path: `drivers.oci.runtimes[0] in config.json`. */
export const parsePluginConfig = async <P extends Configurable>(
  from: { readonly registry: Registry<P>; readonly config: Readonly<Record<string, unknown>> },
  kind: 'drivers' | 'agents',
  name: string,
): Promise<{ plugin: P; config: unknown }> => {
  const load = Object.hasOwn(from.registry, name) ? from.registry[name] : undefined;
  if (load === undefined) {
    const known = Object.keys(from.registry).sort();
    throw kind === 'drivers'
      ? fail('driver.unknown', { driver: name, known })
      : fail('agent.unknown', { agent: name, known });
  }
  const plugin = (await load()).default;
  const given = from.config[name] ?? {};
  const parsed = plugin.config.safeParse(given);
  if (parsed.success) return { plugin, config: parsed.data };
  const issues = issuesIn(`${kind}.${name}`, parsed.error, given).map(({ path, message }) => ({
    path: `${path} in config.json`,
    message,
  }));
  throw fail('config.invalid', { issues });
};
