/** The mutations: for each claim at least one that leaves its step out. */
import type { Mutation } from './mutation.ts';
import { proxies } from './proxies.ts';
import { sharedAddress } from './shared-address.ts';

export const mutations: readonly Mutation[] = [...sharedAddress, ...proxies];
