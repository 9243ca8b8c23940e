/** `berth dashboard`: the address of the dashboard, with the token that it asks for. */
import type { Command } from 'commander';
import { type Context, type Frame, leaf } from '../command.ts';

export const dashboardCommand = (frame: Frame): Command =>
  leaf(frame, 'dashboard', 'Print the address of the dashboard, with your token in it', dashboard);

/** The token stands behind the `#`, which browsers do not send; the page takes it out of the address at once. */
const dashboard = async ({ client, place, output }: Context): Promise<number> => {
  const { address } = await client.system.health();
  const link = `${address}/${place.token === undefined ? '' : `#token=${place.token}`}`;
  if (output.isJson) output.json({ address, link });
  else output.line(link);
  return 0;
};
