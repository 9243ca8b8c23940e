export { type OpenStore, storeLaws } from './store.ts';
