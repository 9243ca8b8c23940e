/** What lies in the home of a server, by name. */
export const DRIVERS_FOLDER = 'drivers';
/** The server's own copies of repositories. */
export const HUB_FOLDER = 'hub';
export const KEY_FILE = 'key';
