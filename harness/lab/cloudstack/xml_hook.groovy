// The transformer that the lab's agents hand each domain's XML to before libvirt gets it. docs/real-cloudstack.md says why.

class LabTransformer {
    Properties settings

    Object transform(Object logger, Object xml) {
        String text = xml as String
        keep(text)
        String emulated = settings.getProperty('domain.type')
        text = text.replaceFirst(/<domain type='kvm'/, "<domain type='${emulated}'")
        if (emulated != 'kvm') {
            // Models and modes of the host's processor are refused without hardware virtualization.
            text = text.replaceAll(/(?s)<cpu mode='[^']*'[^>]*>(.*?)<\/cpu>/, '<cpu>$1</cpu>')
        }
        // The queue discipline that it needs is not in every kernel.
        text = text.replaceAll(/(?s)<bandwidth>.*?<\/bandwidth>\s*/, '')
        // libvirt takes a folder that several hosts see for unshared, and migrates only disks that nobody writes to.
        text = text.replaceAll(/(?s)(<disk\s+device='disk'\s+type='file'[^>]*>(?:(?!<\/disk>).)*)<\/disk>/, '$1<readonly/>\n</disk>')
        // The guest is started directly, since the template's disk is empty.
        text = text.replaceAll(/<boot dev='[^']*'\s*\/>\s*/, '')
        return text.replaceFirst(/<\/os>/, {
            '<kernel>' + settings.getProperty('kernel') + '</kernel>\n<initrd>' + settings.getProperty('initrd') +
            '</initrd>\n<cmdline>' + settings.getProperty('cmdline') + '</cmdline>\n</os>'
        })
    }

    private void keep(String text) {
        String name = (text =~ /<name>([^<]+)<\/name>/)[0][1]
        // The password of the console is nobody's business.
        String shown = text.replaceAll(/passwd='[^']*'/, "passwd=''")
        new File(settings.getProperty('written'), name + '.xml').text = shown
    }
}

Properties settings = new Properties()
new File(new File(System.getProperty('lab.hooks')), 'xml_hook.properties').withInputStream { settings.load(it) }
return new LabTransformer(settings: settings)
