# SPDX-License-Identifier: GPL-2.0
# fish completion for l1tune: the tool itself says what may come next.

function __l1tune_complete
	set -l words (commandline -opc)
	set -l current (commandline -ct)
	$words[1] completion -- $words[2..-1] $current 2> /dev/null | while read -l line
		switch $line
			case ':files*'
				__fish_complete_path $current
			case ':directories*'
				__fish_complete_directories $current
			case '*'
				echo $line
		end
	end
end

complete -c l1tune -f -a '(__l1tune_complete)'
