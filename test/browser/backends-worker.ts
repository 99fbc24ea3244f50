// A page's training worker that has WebGL as well. Bundled; not a test.
import '@tensorflow/tfjs-backend-webgl';
import '../../client/tfjs/worker/browser.js';
