/**
 * Zod compiles its checks with `new Function` where possible, and finds out by trying, which the page's CSP reports
 * as a violation. It reads this setting when the contract's schemas are created, so this module is imported first.
 */
Object.assign(globalThis, { __zod_globalConfig: { jitless: true } });
