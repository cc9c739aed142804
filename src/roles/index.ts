import { provideRoles } from '../ml-framework/node/role-registry.js';

/** Loading this module hands the roles to the framework; each is loaded on the threads that run it, and nowhere else. */
provideRoles({
  async createAm(host) {
    const { AmRole } = await import('./am/index.js');
    return new AmRole(host);
  },
  async createPs(host, optimizer) {
    const { PsRole } = await import('./ps/index.js');
    return new PsRole(host, optimizer);
  },
  async createLocalShard(options, restored) {
    const { createLocalShard } = await import('./ps/index.js');
    return createLocalShard(options, restored);
  },
  trainingEntry: (model, options) => async (ctx) => {
    const { trainingEntry } = await import('./worker/index.js');
    await trainingEntry(model, options)(ctx);
  },
});
