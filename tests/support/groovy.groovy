// Evaluates a pipeline file of Nextflow as Groovy does, and prints the script of its process.
// groovy groovy.groovy FILE WORKER: `process`, `path` and the rest are words without a meaning.
class Word {
    def name
    def fromPath(Map options, text) { System.err.println("channel: ${text}"); this }
    def or(other) { this }
    String toString() { name }
}

abstract class Pipeline extends Script {
    def methodMissing(String name, arguments) {
        if (arguments && arguments[-1] instanceof Closure) arguments[-1].call()
    }
    def propertyMissing(String name) { new Word(name: name) }
    def propertyMissing(String name, value) { }
    def process(text) { print text }
}

def settings = new org.codehaus.groovy.control.CompilerConfiguration(scriptBaseClass: 'Pipeline')
def names = new Binding(worker: new Word(name: args[1]), nextflow: [enable: [:]])
names.setVariable('Channel', new Word(name: 'Channel'))
new GroovyShell(this.class.classLoader, names, settings).evaluate(new File(args[0]))
