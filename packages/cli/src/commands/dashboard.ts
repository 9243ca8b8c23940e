/** `berth dashboard`: prints the dashboard's URL, with the token in it. */
import type { Command } from 'commander';
import { type Context, type Frame, leaf } from '../command.ts';

export const dashboardCommand = (frame: Frame): Command =>
  leaf(frame, 'dashboard', 'Print the URL of the dashboard, with your token in it', dashboard);

/** The token is in the `#` fragment, which browsers do not send; the page removes it from the URL immediately. */
const dashboard = async ({ client, connection, output }: Context): Promise<number> => {
  const { address } = await client.system.health();
  const link = `${address}/${connection.token === undefined ? '' : `#token=${connection.token}`}`;
  if (output.isJson) output.json({ address, link });
  else output.line(link);
  return 0;
};
