# make install: puts WarpDrive where a distribution has it. From a clone after `npm run setup`, or from an unpacked npm
# tarball after `npm install --omit=dev`.
#
#   make install                       as root: below /usr, units and configuration included
#   make install DESTDIR=/tmp/image    the same into a folder, for a package
#   make uninstall                     takes all of it away again, but for the configuration
#
# NODE is the runtime as the installed commands find it.

PREFIX ?= /usr
SYSCONFDIR ?= /etc
NODE ?= $(shell command -v node)

LIB = $(PREFIX)/lib/warpdrive
UNITS = $(PREFIX)/lib/systemd/system
SYSUSERS = $(PREFIX)/lib/sysusers.d
TMPFILES = $(PREFIX)/lib/tmpfiles.d
MAN = $(PREFIX)/share/man
COMPLETIONS = $(PREFIX)/share/bash-completion/completions
DOC = $(PREFIX)/share/doc/warpdrive
CONFIG = $(SYSCONFDIR)/warpdrive/warpdrived.toml

UNIT_NAMES = $(notdir $(wildcard systemd/*.service systemd/*.socket systemd/*.target))
INSTALL_DATA = install -m 644

# $(call command,NAME,MODULE): a command that runs one of our modules.
define command
printf '#!/bin/sh\nexec "%s" "%s" "$$@"\n' '$(NODE)' '$(LIB)/dist/src/$(2)' > '$(DESTDIR)$(PREFIX)/bin/$(1)'
chmod 755 '$(DESTDIR)$(PREFIX)/bin/$(1)'
endef

# $(call prune,FOLDER): of the packages, leaves what runs and the licences.
define prune
find '$(1)' -depth -type d \( -name test -o -name bin -o -name .bin -o -name docs -o -name benchmarks -o -name @types \) -exec rm -rf {} +
find '$(1)' -type f ! \( -name '*.js' -o -name '*.cjs' -o -name '*.mjs' -o -name '*.json' -o -name '*.node' -o -name '*.proto' -o -iname 'licen[sc]e*' -o -iname 'notice*' \) -delete
rm -f '$(1)/pino/bin.js'
find '$(1)' -depth -type d -empty -delete
endef

.PHONY: install uninstall

install:
	@test -e dist/src/daemon/main.js && test -d node_modules || { echo 'make: first "npm run setup", or "npm install --omit=dev" in an unpacked tarball' >&2; exit 1; }
	install -d $(addprefix $(DESTDIR),$(PREFIX)/bin $(LIB)/dist $(UNITS) $(SYSUSERS) $(TMPFILES) $(MAN)/man1 $(MAN)/man5 $(MAN)/man8 $(COMPLETIONS) $(DOC) $(dir $(CONFIG)))
	rm -rf '$(DESTDIR)$(LIB)/dist/src' '$(DESTDIR)$(LIB)/proto' '$(DESTDIR)$(LIB)/node_modules'
	cp -R dist/src '$(DESTDIR)$(LIB)/dist/src'
	cp -R proto package.json '$(DESTDIR)$(LIB)/'
	cp -R node_modules '$(DESTDIR)$(LIB)/node_modules'
	$(call prune,$(DESTDIR)$(LIB)/node_modules)
	$(call command,warpdrived,daemon/main.js)
	$(call command,warpctl,cli/main.js)
	for unit in $(UNIT_NAMES); do sed 's|/usr/bin/|$(PREFIX)/bin/|' "systemd/$$unit" > "$(DESTDIR)$(UNITS)/$$unit" && chmod 644 "$(DESTDIR)$(UNITS)/$$unit" || exit 1; done
	$(INSTALL_DATA) systemd/sysusers.conf '$(DESTDIR)$(SYSUSERS)/warpdrive.conf'
	$(INSTALL_DATA) systemd/tmpfiles.conf '$(DESTDIR)$(TMPFILES)/warpdrive.conf'
	$(INSTALL_DATA) dist/man/*.1 '$(DESTDIR)$(MAN)/man1/'
	$(INSTALL_DATA) dist/man/*.5 '$(DESTDIR)$(MAN)/man5/'
	$(INSTALL_DATA) dist/man/*.8 '$(DESTDIR)$(MAN)/man8/'
	$(INSTALL_DATA) dist/completions/* '$(DESTDIR)$(COMPLETIONS)/'
	$(INSTALL_DATA) README.md docs/*.md '$(DESTDIR)$(DOC)/'
	test -e '$(DESTDIR)$(CONFIG)' || $(INSTALL_DATA) systemd/warpdrived.toml '$(DESTDIR)$(CONFIG)'

uninstall:
	rm -rf '$(DESTDIR)$(LIB)' '$(DESTDIR)$(DOC)'
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,warpdrived warpctl)
	rm -f $(addprefix $(DESTDIR)$(UNITS)/,$(UNIT_NAMES))
	rm -f '$(DESTDIR)$(SYSUSERS)/warpdrive.conf' '$(DESTDIR)$(TMPFILES)/warpdrive.conf'
	rm -f $(addprefix $(DESTDIR)$(MAN)/,man1/warpctl.1 man5/warpdrived.toml.5 man8/warpdrived.8)
	rm -f $(addprefix $(DESTDIR)$(COMPLETIONS)/,warpdrived warpctl)
